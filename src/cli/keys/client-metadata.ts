import { resolve } from "node:path";
import type { ClientSpec, ConfigSpec } from "../../config/spec.js";
import { quoted } from "../../lib/printable.js";
import { shellQuoted } from "../../lib/shell-quoted.js";
import { defineCommand } from "../define-command.js";
import { exitCodes } from "../exit-code.js";
import type { CommandIo } from "../io.js";
import { UsageError } from "../options.js";
import { clientsOf } from "../secrets/config-secrets.js";
import { clientNamed, eachOnce, keyOfClient, serverNamed, usableServers } from "./config-keys.js";
import { type MetadataDocument, metadataDocument, methodOfDocument } from "./metadata-document.js";
import { publicSet } from "./public-set.js";
import { readSources } from "./read-sources.js";
import { printRotation } from "./rotation-notes.js";

/** Bytes. The draft recommends that servers read no more. */
const largestDocument = 5_120;

/** `keys client-metadata [NAME]`: the document that a client id metadata URL serves. */
export const keysClientMetadata = defineCommand({
  args: [{ name: "NAME", is: "server", optional: true }],
  description: `
    Prints the client id metadata document (draft-ietf-oauth-client-id-metadata-document) of a client whose id is an
    https URL, as JSON on stdout: its grants and scopes as the config has them, how it authenticates, and its public
    keys. Publish it at that URL. It contains no secret.`,
  options: {
    name: {
      type: "string",
      value: "NAME",
      help: "client_name (default: the name of the client in the config)",
    },
    "client-uri": { type: "string", value: "URL", help: "client_uri: a page about the agent" },
    "jwks-uri": {
      type: "string",
      value: "URL",
      help: "jwks_uri: where the output of keys jwks is published, in place of the keys",
    },
    next: {
      type: "string",
      value: "FILE",
      file: true,
      help: "add the key that will replace the client's, as keys jwks does",
    },
  },
  examples: [
    ["keys client-metadata billing", "the document with its keys"],
    ["keys client-metadata --jwks-uri https://agent.example/jwks.json", "keys in a file of their own"],
  ],
  async run({ values, args: [name] }, io) {
    const { "client-uri": clientUri, "jwks-uri": jwksUri, next: nextFile } = values;
    assertHttps("client-uri", clientUri);
    assertHttps("jwks-uri", jwksUri);
    if (jwksUri !== undefined && nextFile !== undefined) {
      throw new UsageError("With --jwks-uri, the keys are in that set. Add --next to keys jwks instead.");
    }
    const sources = await readSources(values, io);
    const { config, cwd } = sources;
    const { id, label, name: ownName } = chooseClient(name, config);
    const clients = clientsWithId(id, config);
    const method = methodOfDocument(clients, label);
    const keys = eachOnce(clients.flatMap((client) => keyOfClient(client, label)));
    const next = nextFile === undefined ? undefined : resolve(cwd, nextFile);
    const set = keys.length === 0 ? { keys: [] } : await publicSet(keys, next, sources);
    if (method === "private_key_jwt" && keys.length === 0 && jwksUri === undefined) {
      throw new UsageError(
        `${label} presents assertions of its platform. Name the keys of the platform with --jwks-uri URL.`,
      );
    }
    const uses = usableServers(config.servers).flatMap((server) => {
      const client = clientsOf(server).find((each) => each.id === id);
      return client === undefined ? [] : [{ server, client }];
    });
    const document = metadataDocument({
      ...{ id, name: values.name ?? ownName, clientUri, method, uses, jwksUri, keys: set.keys },
    });
    io.print.json(document, 2);
    const command = `keys client-metadata ${name === undefined ? "" : shellQuoted(name)}`.trim();
    printAdvice(document, config, io);
    if (jwksUri === undefined) await printRotation({ keys, set, next, cwd, command }, io);
    return exitCodes.done;
  },
});

function assertHttps(option: string, url: string | undefined): void {
  if (url === undefined || (URL.canParse(url) && new URL(url).protocol === "https:")) return;
  throw new UsageError(`--${option} must be an https URL.`);
}

/** Whether a client id is the URL of a document. The config has been checked for the rest of the draft's §3. */
function isDocumentUrl(id: string): boolean {
  return id.startsWith("https://");
}

interface Chosen {
  readonly id: string;
  /** Begins a sentence: `Client "billing"`. */
  readonly label: string;
  readonly name: string;
}

function chooseClient(name: string | undefined, { servers }: ConfigSpec): Chosen {
  const { clients = {} } = servers.shared;
  if (name === undefined) return onlyDocumentClient(servers);
  const isClient = Object.hasOwn(clients, name);
  const label = `${isClient ? "Client" : "Server"} ${quoted(name)}`;
  const found = isClient ? [clientNamed(name, servers)] : clientsOf(serverNamed(name, servers));
  const ids = [...new Set(found.flatMap(({ id }) => id ?? []))];
  const [id, another] = ids.filter((each) => isDocumentUrl(each));
  if (id === undefined) throw noDocument(ids[0], label, name);
  if (another === undefined) return { id, label, name: nameOfClient(id, servers) ?? name };
  throw new UsageError(
    `${label} has several clients. Name one of "clients": npx mcp-auth-runtime keys client-metadata CLIENT`,
  );
}

function onlyDocumentClient(servers: ConfigSpec["servers"]): Chosen {
  const { clients = {} } = servers.shared;
  const all = [
    ...Object.keys(clients).map((name) => ({ name, client: clientNamed(name, servers), label: "Client" })),
    ...usableServers(servers).flatMap((server) =>
      clientsOf(server).map((client) => ({ name: server.name, client, label: "Server" })),
    ),
  ];
  const byId = new Map<string, Chosen>();
  for (const { name, client, label } of all) {
    const { id } = client;
    if (id === undefined || byId.has(id) || !isDocumentUrl(id)) continue;
    byId.set(id, { id, name, label: `${label} ${quoted(name)}` });
  }
  const [chosen, another] = byId.values();
  if (chosen === undefined) throw noDocument(all[0]?.client.id, "The only client", "CLIENT", all.length);
  if (another === undefined) return chosen;
  const names = [...byId.values()].map((each) => quoted(each.name)).join(", ");
  throw new UsageError(`The config has several clients with a URL as id. Name one: ${names}`);
}

function noDocument(id: string | undefined, label: string, name: string, count = 1): UsageError {
  const remedy =
    'Set its "id" to the https URL where you will publish the document, such as https://agent.example/client.json. ' +
    `To register the key of a client with another id, use: npx mcp-auth-runtime keys jwks ${name}`;
  if (count !== 1) return new UsageError(`No client of the config has an https URL as its "id". ${remedy}`);
  const problem = id === undefined ? "has no id" : `has the id ${quoted(id)}, which is not an https URL`;
  return new UsageError(`${label} ${problem}. ${remedy}`);
}

function nameOfClient(id: string, servers: ConfigSpec["servers"]): string | undefined {
  return Object.keys(servers.shared.clients ?? {}).find((name) => clientNamed(name, servers).id === id);
}

/** Returns all clients with an id. One document describes them, at whichever issuers they are used. */
function clientsWithId(id: string, { servers }: ConfigSpec): readonly ClientSpec[] {
  const named = Object.keys(servers.shared.clients ?? {}).map((name) => clientNamed(name, servers));
  const all = new Set([...named, ...usableServers(servers).flatMap(clientsOf)]);
  return [...all].filter((client) => client.id === id);
}

function printAdvice(document: MetadataDocument, { servers }: ConfigSpec, { print }: CommandIo): void {
  print.note(
    `Publish this at ${quoted(document.client_id)}, as application/json, with status 200 and no redirect.`,
  );
  const left = servers.names.filter((name) => !servers.isUsable(name));
  if (left.length > 0) {
    print.note(
      `warning: Without ${left.map(quoted).join(", ")}, because the config cannot be used for it here.`,
    );
  }
  if (Buffer.byteLength(JSON.stringify(document, null, 2)) > largestDocument) {
    print.note("warning: The document is larger than 5 KiB, which servers may refuse. Use --jwks-uri.");
  }
}
