import type { ConfigSpec } from "./spec.js";

/** The URL of each server, also of one that cannot be used, by its name; where it is known. */
export function urlsOf({ servers }: Pick<ConfigSpec, "servers">): ReadonlyMap<string, string> {
  const urls = [...servers.values()].map((entry) => {
    return [entry.name, "spec" in entry ? entry.spec.url : entry.url] as const;
  });
  return new Map(urls.filter((pair): pair is [string, string] => pair[1] !== undefined));
}
