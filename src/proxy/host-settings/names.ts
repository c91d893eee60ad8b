import type { NameRule } from "./host.js";

/**
 * Returns what the host calls each server, in the given order. Names are unique: a server keeps its own name where the
 * host accepts it, and a name that another server has gets a number.
 */
export function namesInHost(
  servers: readonly string[],
  rule: NameRule | undefined,
): ReadonlyMap<string, string> {
  const wanted = servers.map((server) => [server, rule?.rename(server) ?? server] as const);
  const taken = new Set(wanted.filter(([server, name]) => server === name).map(([, name]) => name));
  return new Map(
    wanted.map(([server, name]) => {
      if (server === name) return [server, name];
      let unique = name;
      for (let number = 2; taken.has(unique); number += 1) unique = `${name}-${number}`;
      taken.add(unique);
      return [server, unique];
    }),
  );
}

/** Returns a rule for hosts that accept only letters, digits, `-` and `_`. */
export function lettersDigitsAndDashes(reason: string): NameRule {
  return { rename: (server) => server.replaceAll(/[^A-Za-z0-9_-]/g, "_"), reason };
}
