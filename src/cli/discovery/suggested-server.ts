import type { Json } from "../../config/json.js";
import { suggestVariable } from "../../config/literal-secret.js";
import type { NeededVariable } from "../init/env-example.js";
import { uniqueName } from "../init/server-name.js";
import type { CredentialKind } from "./credential.js";
import { escaped } from "./escaped.js";

/** A client as a person chose it. */
export interface ChosenClient {
  readonly issuer: string;
  /** As in a config, with variables. Absent: a variable. */
  readonly id: string | undefined;
  readonly credential: CredentialKind;
  /** The file of the private key, if the person named one. */
  readonly keyFile?: string | undefined;
}

/** A client of a config, and what it needs besides. */
export interface SuggestedClient {
  readonly client: Json;
  readonly variables: readonly NeededVariable[];
  readonly files: readonly NeededFile[];
}

/** A file that a config needs. */
export interface NeededFile {
  /** Relative to the folder of the config. */
  readonly path: string;
  /** The name of the client or its server. */
  readonly user: string;
  readonly holds: "a key that signs" | "a certificate" | "the key of a certificate";
}

/**
 * Returns a client for a config. It has no secret, only references to them. Text that a server chose is escaped.
 *
 * @param name of the client or its server; variables and files are named after it
 * @param isTaken whether the config already uses a variable, for another secret
 */
export function suggestClient(
  name: string,
  { issuer, id, credential, keyFile }: ChosenClient,
  isTaken: (variable: string) => boolean,
): SuggestedClient {
  const variable = (property: string) => clientVariable(name, property, isTaken);
  const clientId = id ?? `\${${variable("clientId")}}`;
  const ofId = { comment: `the id of the client "${name}"` };
  const variables: NeededVariable[] = variablesIn(clientId).map((each) => ({ name: each, ...ofId }));
  const common = { issuer: escaped(issuer), id: clientId };
  const file = (suffix: string) => `./secrets/${name}${suffix}`;
  switch (credential) {
    case "secret": {
      const named = variable("secret");
      variables.push({ name: named, comment: `the secret of the client "${name}"` });
      return { client: { ...common, secret: { env: named } }, variables, files: [] };
    }
    case "key": {
      const path = keyFile ?? file(".pem");
      return {
        client: { ...common, key: { privateKey: { file: escaped(path) } } },
        variables,
        files: [{ path, user: name, holds: "a key that signs" }],
      };
    }
    case "certificate": {
      const [cert, key] = [file(".crt"), file(".key")];
      const certificate = { cert: { file: cert }, key: { file: key } };
      const files: NeededFile[] = [
        { path: cert, user: name, holds: "a certificate" },
        { path: key, user: name, holds: "the key of a certificate" },
      ];
      return { client: { ...common, certificate }, variables, files };
    }
  }
}

/** Returns the variable for a property of a client, such as `CRM_CLIENT_ID`. */
export function clientVariable(
  name: string,
  property: string,
  isTaken: (variable: string) => boolean,
): string {
  return uniqueName(suggestVariable(["clients", name, property]), isTaken, "_");
}

/** Returns a server for a config, with its client in it. */
export function suggestServer(
  name: string,
  url: string,
  chosen: ChosenClient,
  isTaken: (variable: string) => boolean,
): SuggestedClient & { readonly server: Json } {
  const suggested = suggestClient(name, chosen, isTaken);
  return { ...suggested, server: serverFor(String(escaped(url)), suggested.client) };
}

/** Returns a server for a config. `url` is as the config is to have it, or absent if the config imports it. */
export function serverFor(url: string | undefined, client: Json): Json {
  return { ...(url !== undefined && { url }), grant: { client } };
}

/** Returns the names of the variables in a text of a config. */
export function variablesIn(text: string): readonly string[] {
  return [...text.matchAll(/(?<!\$)\$\{(?:env:)?([A-Za-z_]\w*)/g)].map(([, name = ""]) => name);
}
