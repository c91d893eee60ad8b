import { dirname, resolve } from "node:path";
import { loadConfig } from "../../config/load.js";
import { systemClock } from "../../lib/clock.js";
import { printable } from "../../lib/printable.js";
import { shellQuoted } from "../../lib/shell-quoted.js";
import { defineCommand } from "../define-command.js";
import { exitCodes } from "../exit-code.js";
import type { CommandIo } from "../io.js";
import { environment, startingFolder } from "../options.js";
import { type ConfigKey, keysNamed } from "./config-keys.js";
import { type PublicSet, publicSet, type Sources } from "./public-set.js";
import { recentReplacements, rotationSteps } from "./rotation-notes.js";

/** `keys jwks [NAME…]`: the public keys, to register or to publish. */
export const keysJwks = defineCommand({
  args: [{ name: "NAME", is: "server", optional: true, many: true }],
  description:
    "Prints the public keys as a JWK Set on stdout, to register or to publish: of the keys, clients or servers with " +
    "these names, or of all keys of the config that sign for an authorization server. Keys for DPoP are printed only by " +
    "name, because they are not registered. It never prints a private key.",
  options: {
    next: {
      type: "string",
      value: "FILE",
      file: true,
      help: "add the key that will replace the named one, and say on stderr when it may",
    },
  },
  notes:
    "A signer's key is printed if the config has its certificate. If one of the keys cannot be printed, none is, because " +
    "a set that lacks a key would lock its client out.",
  examples: [
    ["keys jwks agent", "the public key to register"],
    ["keys jwks agent --next secrets/agent-next.pem", "the current and the next key, for a rotation"],
  ],
  run: async ({ values, args }, io) => {
    const { sources, cwd } = await readSources(values, io);
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

/** Loads the config that the options name, and prints its warnings. */
export async function readSources(
  { config: cliPath, "env-file": envFiles }: { readonly config?: string; readonly "env-file"?: string[] },
  io: CommandIo,
): Promise<{ readonly sources: Sources; readonly cwd: string }> {
  const env = await environment(io, envFiles);
  const cwd = startingFolder(io.cwd, cliPath, env);
  const config = await loadConfig({ cwd, env, cliPath });
  for (const warning of config.warnings ?? []) io.print.note(`warning: ${printable(warning)}`);
  const folder = config.file === undefined ? cwd : dirname(config.file);
  return { sources: { config, folder, env, signal: io.signal }, cwd };
}

interface Printed {
  readonly keys: readonly ConfigKey[];
  readonly set: PublicSet;
  readonly next: string | undefined;
  readonly cwd: string;
  /** The command that was typed, without its options. */
  readonly command: string;
}

/** Says when a key of the set may be used, or how long another one is still needed. */
export async function printRotation(
  { keys, set, next, cwd, command }: Printed,
  { print }: CommandIo,
): Promise<void> {
  const now = systemClock.now();
  const [key] = keys;
  if (next === undefined || key === undefined) {
    for (const line of await recentReplacements(keys, cwd, now)) print.note(line);
    return;
  }
  const [currentJwk, nextJwk] = set.keys;
  const steps = rotationSteps({ key, command, next, currentJwk, nextJwk, cwd, now });
  for (const line of steps) print.note(line);
}
