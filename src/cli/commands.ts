import type { Command } from "./define-command.js";

/** A command that can be typed. */
export interface Registered {
  /** What it does, as in the list of `--help`: lower case, no period. */
  readonly summary: string;
  /** The modules of a command are loaded only when it runs, or when its help is shown. */
  readonly load: () => Promise<Command>;
}

/** All commands by name, in the order of the list. A name of two words is a command of a group. */
export const commands: ReadonlyMap<string, Registered> = new Map([
  [
    "init",
    {
      summary: "write a config for an MCP server, or add the server to the config",
      load: async () => (await import("./init.js")).init,
    },
  ],
  [
    "discover",
    {
      summary: "show what an MCP server publishes about authorization",
      load: async () => (await import("./discover.js")).discover,
    },
  ],
  [
    "validate",
    {
      summary: "check the config, and list its mistakes",
      load: async () => (await import("./validate.js")).validate,
    },
  ],
  [
    "doctor",
    {
      summary: "check each step from the config to an MCP request, and say what to do",
      load: async () => (await import("./doctor.js")).doctor,
    },
  ],
  [
    "token",
    {
      summary: "print the access token for a server of the config",
      load: async () => (await import("./token.js")).token,
    },
  ],
  [
    "exec",
    {
      summary: "run a command with the access token in its environment",
      load: async () => (await import("./exec.js")).exec,
    },
  ],
  [
    "headers",
    {
      summary: "print the headers of a request as JSON, always with a new token",
      load: async () => (await import("./headers.js")).headers,
    },
  ],
  [
    "proxy",
    {
      summary: "serve the servers at local URLs, for hosts that accept only a URL",
      load: async () => (await import("./proxy.js")).proxy,
    },
  ],
  [
    "status",
    {
      summary: "show the state of the servers of the running proxy",
      load: async () => (await import("./status.js")).status,
    },
  ],
  [
    "login",
    {
      summary: "sign a person in once, so that agents run unattended afterwards (RFC 8628)",
      load: async () => (await import("./login.js")).login,
    },
  ],
  [
    "store clear",
    {
      summary: "delete what is stored, for one server or for all",
      load: async () => (await import("./store-clear.js")).storeClear,
    },
  ],
  [
    "revoke",
    {
      summary: "revoke the stored tokens of a server (RFC 7009), and delete them",
      load: async () => (await import("./revoke.js")).revoke,
    },
  ],
  [
    "keys generate",
    {
      summary: "create a private key, and print its public key",
      load: async () => (await import("./keys/generate.js")).keysGenerate,
    },
  ],
  [
    "keys jwks",
    {
      summary: "print the public keys to register, with the next one for a rotation",
      load: async () => (await import("./keys/jwks.js")).keysJwks,
    },
  ],
  [
    "keys client-metadata",
    {
      summary: "print the document of a client whose id is a URL",
      load: async () => (await import("./keys/client-metadata.js")).keysClientMetadata,
    },
  ],
  [
    "completion",
    {
      summary: "print the script that completes commands in bash, zsh or fish",
      load: async () => (await import("./completion.js")).completion,
    },
  ],
]);

/** Returns the names of the commands of a group, such as those of `keys`. */
export function commandsOfGroup(group: string): readonly string[] {
  return [...commands.keys()].filter((name) => name.startsWith(`${group} `));
}
