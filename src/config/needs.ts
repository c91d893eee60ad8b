import { type Json, type Path, property } from "./source-document.js";

/**
 * Whether a server of the config uses what stands at `path` outside of `servers`: through its clients, its keys or the
 * defaults. What is in no part of its own, such as `network`, all servers use.
 */
export function needs(config: Json, server: string, path: Path): boolean {
  const [part, name] = path;
  const own = property(property(config, "servers"), server);
  switch (part) {
    case "clients":
      return usedClients(own).some((client) => client === name);
    case "keys":
      return usedKeys(config, own).some((key) => key === name);
    case "defaults":
      return inherits(own, path.slice(1));
    default:
      return true;
  }
}

/** Clients by name and clients written inline. */
function usedClients(server: Json | undefined): readonly (Json | undefined)[] {
  const grant = property(server, "grant");
  return [property(grant, "client"), property(property(grant, "idp"), "client")];
}

/** Keys by name and keys written inline. */
function usedKeys(config: Json, server: Json | undefined): readonly (Json | undefined)[] {
  const clients = usedClients(server).map((client) => {
    return typeof client === "string" ? property(property(config, "clients"), client) : client;
  });
  const signing = [property(property(server, "grant"), "assertion"), property(server, "dpop")];
  return [...clients, ...signing].map((user) => property(user, "key"));
}

/** Whether nothing in the server takes the place of this leaf of the defaults. */
function inherits(server: Json | undefined, leaf: Path): boolean {
  const [group = "", name] = leaf;
  const own = property(server, group);
  if (own === undefined) return true;
  if (name === undefined) return false;
  if (group === "headers" && typeof own === "object" && own !== null) {
    return !Object.keys(own).some((each) => each.toLowerCase() === name.toLowerCase());
  }
  return own !== false && property(own, name) === undefined;
}
