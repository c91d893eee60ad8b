import type { ServerMistake } from "./check-document.js";
import { type Json, property } from "./json.js";
import type { LocatedMistake } from "./source-document.js";

type Located = LocatedMistake<ServerMistake>;

/**
 * The mistakes that break only some servers. A mistake in a client or key breaks the servers that use it, and one in
 * the `defaults` those that inherit it. One in `import` breaks those without a URL. No server uses `proxy`, and every
 * server uses the other parts of the config, such as `network`.
 */
export class ServerMistakes {
  readonly #config: Json;
  /** By section, and by the name in it: a client may be used by many servers, and a server uses few clients. */
  readonly #named: Readonly<Record<string, Map<string, Located[]>>> = {
    servers: new Map(),
    clients: new Map(),
    keys: new Map(),
  };
  readonly #inDefaults: Located[] = [];
  readonly #inImport: Located[] = [];
  readonly #inOtherParts: Located[] = [];
  readonly #order = new Map<Located, number>();

  /** `all` is in the order of the text. */
  constructor(config: Json, all: readonly Located[]) {
    this.#config = config;
    for (const [index, located] of all.entries()) {
      if (located.mistake.path[0] === "proxy") continue;
      this.#order.set(located, index);
      this.#listOf(located).push(located);
    }
  }

  /** Whether there is a mistake that breaks a server. */
  breaks(server: string): boolean {
    return this.#inOtherParts.length > 0 || this.of(server).length > 0;
  }

  /** Returns the mistakes that break a server, in the order of the text. */
  of(name: string): readonly Located[] {
    if (this.#order.size === 0) return [];
    const server = property(property(this.#config, "servers"), name);
    const found = new Set([
      ...this.#in("servers", name),
      ...clientsOf(server).flatMap((client) => this.#in("clients", client)),
      ...keysOf(this.#config, server).flatMap((key) => this.#in("keys", key)),
      ...this.#inDefaults.filter(({ mistake }) => inherits(server, mistake.path[1], mistake.path[2])),
      ...(property(server, "url") === undefined ? this.#inImport : []),
      ...this.#inOtherParts,
    ]);
    return [...found].sort((a, b) => (this.#order.get(a) ?? 0) - (this.#order.get(b) ?? 0));
  }

  #listOf(located: Located): Located[] {
    const [section = "", name] = located.mistake.path;
    if (section === "defaults") return this.#inDefaults;
    if (section === "import") return this.#inImport;
    const named = Object.hasOwn(this.#named, section) ? this.#named[section] : undefined;
    if (named === undefined || name === undefined) return this.#inOtherParts;
    const list = named.get(name) ?? [];
    named.set(name, list);
    return list;
  }

  #in(section: "servers" | "clients" | "keys", name: Json | undefined): readonly Located[] {
    return typeof name === "string" ? (this.#named[section]?.get(name) ?? []) : [];
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
function inherits(server: Json | undefined, group = "", name?: string): boolean {
  const own = property(server, group);
  if (own === undefined) return true;
  if (name === undefined) return false;
  if (group === "headers" && typeof own === "object" && own !== null) {
    return !Object.keys(own).some((each) => each.toLowerCase() === name.toLowerCase());
  }
  return own !== false && property(own, name) === undefined;
}
