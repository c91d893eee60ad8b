import nodePath from "node:path";
import { entries, type Json, property } from "../../config/json.js";
import type { DiscoveredAuthorizationServer } from "../../index.js";
import { type PathRules, pathFrom, pathInside } from "../../lib/path-inside.js";
import { quoted } from "../../lib/printable.js";
import { type CredentialKind, listedCredentials } from "../discovery/credential.js";
import type { ChosenClient } from "../discovery/suggested-server.js";
import type { Ask, CommandIo } from "../io.js";

export interface ClientOptions {
  /** The client id that the person gave on the command line. */
  readonly id: string | undefined;
  /** The file of its private key, as the config names it. */
  readonly keyFile: string | undefined;
  /** The name of the server. */
  readonly server: string;
  /** The variable that will have the client id if the person does not know it yet. */
  readonly variable: string;
  /** Asks for the file of the private key, as the config is to name it. `undefined`: the person has none yet. */
  readonly askForKey: (ask: Ask) => Promise<string | undefined>;
}

/** A client with a name in the config, or a new one. */
export type Choice = { readonly named: string } | ChosenClient;

/**
 * Returns the client of a server. A client that the config already has for the issuer is suggested first. Without a
 * client id, a variable will have it.
 *
 * @param config with the values of its variables
 */
export async function chooseClient(
  io: Pick<CommandIo, "ask" | "print">,
  issuer: string,
  metadata: DiscoveredAuthorizationServer | undefined,
  config: Json,
  { id, keyFile, server, variable, askForKey }: ClientOptions,
): Promise<Choice> {
  const { ask } = io;
  const known = entries(property(config, "clients")).filter(
    ([, client]) =>
      property(client, "issuer") === issuer && (id === undefined || property(client, "id") === id),
  );
  const [first, second] = known;
  if (first !== undefined && keyFile === undefined) {
    const named = { named: first[0] };
    if (id !== undefined || (ask === undefined && second === undefined)) return named;
    const choices = known.map(([name, client]) => ({
      value: name,
      label: `the client "${name}" of the config (${String(property(client, "id") ?? "")})`,
    }));
    // A name cannot be empty.
    const answer = (await ask?.select("Client", [...choices, { value: "", label: "another client" }])) ?? "";
    if (answer !== "") return { named: answer };
  }
  const question =
    `Client id for ${quoted(server)} at ${new URL(issuer).host}. If you do not have it yet, press Enter: the variable ` +
    `${variable} will have it`;
  const typed = id ?? (await ask?.text(question)) ?? "";
  const credential = keyFile === undefined ? await chooseCredential(io, metadata) : "key";
  const file = keyFile ?? (credential === "key" && ask !== undefined ? await askForKey(ask) : undefined);
  return { issuer, id: typed.trim() || undefined, credential, keyFile: file };
}

const labels: Readonly<Record<CredentialKind, string>> = {
  secret: "a secret",
  key: "a private key",
  certificate: "a certificate (mTLS)",
};

async function chooseCredential(
  { ask, print }: Pick<CommandIo, "ask" | "print">,
  metadata: DiscoveredAuthorizationServer | undefined,
): Promise<CredentialKind> {
  const kinds = listedCredentials(metadata);
  const [first, second] = kinds;
  if (first === undefined) {
    print.note(
      "warning: the authorization server lists no way for a client to prove who it is. A secret is written.",
    );
    return "secret";
  }
  if (ask === undefined || second === undefined) return first;
  const answer = await ask.select(
    "The client has",
    kinds.map((value) => ({ value, label: labels[value] })),
  );
  return kinds.find((kind) => kind === answer) ?? first;
}

/**
 * Returns a path for a config: relative to its folder, with `/`. A path that a person has written in full, and that leads
 * out of the folder, stays as it is.
 */
export function pathForConfig(
  path: string,
  cwd: string,
  folder: string,
  paths: PathRules = nodePath,
): string {
  const file = paths.resolve(cwd, path);
  const isOutside = pathInside(folder, file, paths) === undefined;
  return isOutside && paths.isAbsolute(path) ? path : pathFrom(folder, file, paths);
}
