import { basename, extname, resolve } from "node:path";
import { folderFor } from "../../config/starting-folder.js";
import { McpAuthError } from "../../errors/error.js";
import { messageWithoutServer } from "../../errors/message-without-server.js";
import { defaultRsaBits, generatedAlgorithms, generateKey, isRsaAlgorithm } from "../../keys/generate-key.js";
import { publicHalf } from "../../keys/public-jwk.js";
import { thumbprintOf } from "../../keys/signing-key.js";
import { printable } from "../../lib/printable.js";
import { shellQuoted } from "../../lib/shell-quoted.js";
import { defineCommand } from "../define-command.js";
import { exitCodes } from "../exit-code.js";
import type { CommandIo } from "../io.js";
import { environment, UsageError } from "../options.js";
import { gitTracks } from "./git-tracks.js";
import { type KeyPlace, placeInConfig } from "./place-in-config.js";
import { writeKeyFile } from "./write-key-file.js";

const rsaBits = ["2048", "3072", "4096"] as const;

const options = {
  alg: {
    type: "string",
    value: "ALG",
    values: generatedAlgorithms,
    help: "what it signs with (default: ES256)",
  },
  bits: { type: "string", value: "N", values: rsaBits, help: "the length of an RSA key (default: 3072)" },
  "passphrase-env": {
    type: "string",
    value: "NAME",
    help: "encrypt the file with the passphrase in this variable",
  },
} as const;

/** `keys generate [FILE]`: writes a new private key, and prints its public key. */
export const keysGenerate = defineCommand({
  args: [{ name: "FILE", is: "text", optional: true }],
  description: `
    Writes a new private key to FILE (default: secrets/agent.pem) as PKCS#8 PEM with mode 0600, and prints its public key
    as a JWK on stdout. Never writes over a file. On stderr it says what to write into the config, and what to register.
    The kid of the JWK is the one that the runtime sends.`,
  options,
  notes: `
    The passphrase is never an argument and is not asked for: put it into a variable, or into a file for --env-file.`,
  examples: [
    ["keys generate", "a key for ES256 in secrets/agent.pem"],
    ["keys generate secrets/agent-next.pem", "the next key, for a rotation: see keys jwks"],
    ["keys generate rsa.pem --alg PS256 --passphrase-env KEY_PASSPHRASE", "an encrypted RSA key"],
  ],
  async run({ values, args: [shown = "secrets/agent.pem"] }, io) {
    const { alg = "ES256", bits, "passphrase-env": variable } = values;
    if (bits !== undefined && !isRsaAlgorithm(alg)) {
      throw new UsageError(
        `--bits is the length of an RSA key, and ${alg} has none. Remove it, or add --alg PS256.`,
      );
    }
    const file = resolve(folderFor(io.cwd, shown), shown);
    const env = await environment(io, values["env-file"]);
    const passphrase = variable === undefined ? undefined : await readPassphrase(variable, env, io);
    const key = await io.waitFor(
      `Generating a key for ${alg}`,
      generateKey(alg, Number(bits ?? defaultRsaBits)),
    );
    const jwk = publicHalf(key);
    const registered = { ...jwk, kid: await thumbprintOf(jwk), alg, use: "sig" };
    const pem = key.export({
      ...{ type: "pkcs8", format: "pem" },
      ...(passphrase !== undefined && { cipher: "aes-256-cbc", passphrase }),
    });
    await writeKeyFile(file, String(pem), shown);
    io.print.json(registered, 2);
    const place = await placeInConfig(file, values, io);
    for (const line of nextSteps({ shown, alg, place, variable })) io.print.note(line);
    if ((await gitTracks(file, io)) === true) {
      io.print.note(
        `warning: Git would add ${printable(shown)}. List it in .gitignore, so that it is never committed.`,
      );
    }
    return exitCodes.done;
  },
});

/** Reads the passphrase as the runtime will: without the line break at its end. */
async function readPassphrase(
  name: string,
  env: CommandIo["env"],
  { cwd, signal }: CommandIo,
): Promise<string> {
  const { readSecret } = await import("../../secrets/read-secret.js");
  try {
    const secret = await readSecret({ env: name }, { server: "", env, envFilesIn: cwd, signal });
    return secret.reveal();
  } catch (error) {
    if (!(error instanceof McpAuthError) || error.code !== "secret_unavailable") throw error;
    throw new McpAuthError(error.code, `The passphrase: ${messageWithoutServer(error)}`);
  }
}

interface WrittenKey {
  readonly shown: string;
  readonly alg: string;
  readonly place: KeyPlace;
  /** The variable of the passphrase. */
  readonly variable: string | undefined;
}

function nextSteps({ shown, alg, place, variable }: WrittenKey): readonly string[] {
  const stem = basename(shown, extname(shown));
  const name = /^[A-Za-z0-9][\w.-]*$/.test(stem) ? stem : "agent";
  const key = {
    privateKey: { file: place.path },
    ...(variable !== undefined && { passphrase: { env: variable } }),
    // A key of another type has one algorithm.
    ...(!alg.startsWith("ES") && { alg }),
  };
  const encrypted = variable === undefined ? "" : ", encrypted";
  if (place.usedBy !== undefined) {
    return [
      `${printable(shown)}: private key for ${alg}${encrypted}. The public key is on stdout.`,
      "The config uses this file. Register the public key at the authorization server: this JWK, or the set that",
      `npx mcp-auth-runtime keys jwks ${shellQuoted(place.usedBy)} prints.`,
    ];
  }
  return [
    `${printable(shown)}: private key for ${alg}${encrypted}. The public key is on stdout.`,
    `1. Add it to the config:  "keys": { ${printable(JSON.stringify(name))}: ${printable(spaced(key))} }`,
    `2. Use it:  "key": "${name}" of a client, or "dpop": { "key": "${name}" } of a server`,
    "3. Register the public key of a client at its authorization server: this JWK, or the set that",
    `   npx mcp-auth-runtime keys jwks ${name} prints. A key for DPoP needs no registration.`,
    // The first key is made before it is in a config.
    ...(place.hasConfig
      ? [`To replace a key in use instead:  npx mcp-auth-runtime keys jwks KEY --next ${shellQuoted(shown)}`]
      : []),
  ];
}

/** JSON on one line, as a person writes it. */
function spaced(value: object): string {
  return JSON.stringify(value, null, 1).replaceAll(/\n\s*/g, " ");
}
