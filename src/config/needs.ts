import { type Json, type Path, property } from "./source-document.js";

/** Whether a server of the config uses what stands at `path`, by itself or through its client, key or the defaults. */
export function needs(config: Json, server: string, path: Path): boolean {
  const [part, name] = path;
  const own = property(property(config, "servers"), server);
  switch (part) {
    case "servers":
      return name === server;
    case "clients":
      return clientOf(own).name === name;
    case "keys":
      return keyOf(config, own) === name;
    case "defaults":
      return inherits(own, path.slice(1));
    default:
      return true;
  }
}

function clientOf(server: Json | undefined): { name?: Json; inline?: Json } {
  const client = property(property(server, "grant"), "client");
  if (client === undefined) return {};
  return typeof client === "string" ? { name: client } : { inline: client };
}

function keyOf(config: Json, server: Json | undefined): Json | undefined {
  const { name, inline } = clientOf(server);
  const client = typeof name === "string" ? property(property(config, "clients"), name) : inline;
  return property(client, "key");
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
