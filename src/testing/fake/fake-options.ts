import { McpAuthError } from "../../errors/error.js";
import type { Clock } from "../../lib/clock.js";
import { assertKnownOptions } from "../../lib/known-options.js";
import type { McpAuthOptions } from "../../runtime/mcp-auth-options.js";
import type { FakeServerOptions } from "./fake-server.js";

export interface FakeMcpAuthOptions<Name extends string = string> {
  /** The names of the servers, or their options by name. */
  readonly servers: readonly Name[] | { readonly [Each in Name]: FakeServerOptions };
  /** Replaces the system clock. Fake timers of a test runner work without it. */
  readonly clock?: Clock;
  /** Gets the events, as the logger of `createMcpAuth()` does. */
  readonly logger?: NonNullable<McpAuthOptions["logger"]>;
}

const call = "fakeMcpAuth";

/** The options of a fake. `createMcpAuth` checks the values of the others. */
const options: Readonly<Record<keyof FakeMcpAuthOptions, true>> = {
  servers: true,
  clock: true,
  logger: true,
};

/** The options of a server, each with what a value must be. The config checks the text of URLs and scopes. */
const serverOptions: Readonly<
  Record<keyof FakeServerOptions, readonly [string, (value: unknown) => boolean]>
> = {
  url: ["a text", (value) => typeof value === "string"],
  fetch: ["a function", (value) => typeof value === "function"],
  scopes: ["a list of scopes", Array.isArray],
  stepUp: ["a list of scopes", Array.isArray],
  lifetime: ['a duration such as "90s" or "1h"', (value) => typeof value === "string"],
  users: ["true or false", (value) => typeof value === "boolean"],
};

/** Throws `config_invalid` for options that no fake has: a misspelled one would have no effect. */
export function assertFakeOptions(given: unknown): void {
  assertObject(given, `The options of ${call}() must be an object.`);
  assertKnownOptions(call, given, options);
  const { servers } = given;
  assertObject(servers, `The option \`servers\` of ${call}() must be a list of names, or an object.`);
  if (Array.isArray(servers)) return;
  for (const [name, server] of Object.entries(servers)) {
    assertObject(server, `Server "${name}": its options must be an object.`);
    assertKnownOptions(call, server, serverOptions);
    for (const [option, [form, isValid]] of Object.entries(serverOptions)) {
      const value = server[option];
      if (value !== undefined && !isValid(value))
        throw misuse(`Server "${name}": the option \`${option}\` must be ${form}.`);
    }
  }
}

function assertObject(value: unknown, problem: string): asserts value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw misuse(problem);
}

function misuse(problem: string): McpAuthError {
  return new McpAuthError("config_invalid", problem);
}
