import { resolve } from "node:path";
import { shellQuoted } from "../../lib/shell-quoted.js";
import { defineCommand } from "../define-command.js";
import { exitCodes } from "../exit-code.js";
import { keysNamed } from "./config-keys.js";
import { publicSet } from "./public-set.js";
import { readSources } from "./read-sources.js";
import { printRotation } from "./rotation-notes.js";

/** `keys jwks [NAME…]`: the public keys, to register or to publish. */
export const keysJwks = defineCommand({
  args: [{ name: "NAME", is: "server", optional: true, many: true }],
  description: `
    Prints the public keys as a JWK Set on stdout, to register or to publish: of the keys, clients or servers with these
    names, or of all keys of the config that sign for an authorization server. Keys for DPoP are printed only by name,
    because they are not registered. It never prints a private key.`,
  options: {
    next: {
      type: "string",
      value: "FILE",
      file: true,
      help: "add the key that will replace the named one, and say on stderr when it may be used",
    },
  },
  notes: `
    A signer's key is printed if the config has its certificate. If one of the keys cannot be printed, none is, because a
    set that lacks a key would lock its client out.`,
  examples: [
    ["keys jwks agent", "the public key to register"],
    ["keys jwks agent --next secrets/agent-next.pem", "the current and the next key, for a rotation"],
  ],
  async run({ values, args }, io) {
    const sources = await readSources(values, io);
    const { cwd } = sources;
    const next = values.next === undefined ? undefined : resolve(cwd, values.next);
    const keys = keysNamed(args, sources.config);
    const set = await publicSet(keys, next, sources);
    io.print.json(set, 2);
    await printRotation(
      { keys, set, next, cwd, command: `keys jwks ${args.map(shellQuoted).join(" ")}`.trim() },
      io,
    );
    return exitCodes.done;
  },
});
