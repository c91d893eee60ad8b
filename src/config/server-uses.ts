import { type Json, type Path, property } from "./json.js";

/**
 * Whether a server uses the value at a path outside of `servers`: through its clients, its keys or the `defaults`.
 * Every server uses the other parts of the config, such as `network`.
 */
export function serverUses(config: Json, name: string, path: Path): boolean {
  const [section, item] = path;
  const server = property(property(config, "servers"), name);
  switch (section) {
    case "clients":
      return clientsOf(server).some((client) => client === item);
    case "keys":
      return keysOf(config, server).some((key) => key === item);
    case "defaults":
      return inherits(server, path.slice(1));
    default:
      return true;
  }
}

/** Returns the clients of a server, each as its name or inline. */
function clientsOf(server: Json | undefined): readonly (Json | undefined)[] {
  const grant = property(server, "grant");
  return [property(grant, "client"), property(property(grant, "idp"), "client")];
}

/** Returns the keys of a server, each as its name or inline. */
function keysOf(config: Json, server: Json | undefined): readonly (Json | undefined)[] {
  const clients = clientsOf(server).map((client) => {
    return typeof client === "string" ? property(property(config, "clients"), client) : client;
  });
  const assertion = property(property(server, "grant"), "assertion");
  return [...clients, assertion, property(server, "dpop")].map((holder) => property(holder, "key"));
}

/** Whether a server inherits a setting of `defaults`. Settings are merged property by property. */
function inherits(server: Json | undefined, setting: Path): boolean {
  const [group = "", name] = setting;
  const own = property(server, group);
  if (own === undefined) return true;
  if (name === undefined) return false;
  if (group === "headers" && typeof own === "object" && own !== null) {
    return !Object.keys(own).some((each) => each.toLowerCase() === name.toLowerCase());
  }
  return own !== false && property(own, name) === undefined;
}
