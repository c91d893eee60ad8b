import { dirname } from "node:path";
import { isList, type Json, property } from "../../config/json.js";
import { type Discovery, McpAuthError } from "../../index.js";
import { quoted } from "../../lib/printable.js";
import { type CredentialKind, methodFor } from "../discovery/credential.js";
import { describeIssuer, describeProblems, describeServer } from "../discovery/describe.js";
import {
  type ChosenClient,
  clientVariable,
  type NeededFile,
  serverFor,
  suggestClient,
} from "../discovery/suggested-server.js";
import type { CommandIo } from "../io.js";
import { UsageError } from "../options.js";
import { table } from "../table.js";
import { chooseClient, pathForConfig } from "./choose-client.js";
import { chooseIssuer } from "./choose-issuer.js";
import { chooseKeyFile } from "./choose-key.js";
import type { NeededVariable } from "./env-example.js";
import type { Target } from "./find-target.js";
import { uniqueName } from "./server-name.js";
import type { Additions } from "./write-config.js";

/** A server to add, as far as it is known before anybody is asked. */
export interface Candidate {
  readonly name: string;
  readonly url: string;
  /** The URL as the config is to have it, with variables. Absent if the config imports it from a host's file. */
  readonly written: string | undefined;
  readonly found: Discovery;
}

export interface PlanOptions {
  readonly cwd: string;
  readonly clientId: string | undefined;
  readonly issuer: string | undefined;
  /** As the config names it. */
  readonly keyFile: string | undefined;
  /** Returns the command line that adds only this server, with this option `--issuer`. */
  readonly commandWith: (server: string, issuer: string) => string;
}

/** A server that is added, for the person. */
export interface PlannedServer {
  readonly name: string;
  /** As a config has it. */
  readonly client: Json;
  /** The client authentication method. Absent: unknown. */
  readonly method?: string | undefined;
  /** Whether the authorization server lists no method for the credential. */
  readonly isUnlisted: boolean;
  /** The scopes that the server names. */
  readonly scopes: readonly string[];
}

/** What is added to the config, and what it needs. */
export interface Plan extends Required<Pick<Additions, "clients" | "servers">> {
  readonly planned: readonly PlannedServer[];
  readonly variables: readonly NeededVariable[];
  readonly files: readonly NeededFile[];
}

/** Shows what was found about a server. */
export function showServer({ print }: Pick<CommandIo, "print">, url: string, found: Discovery): void {
  print.note(table(describeServer(url, found)));
  for (const line of describeProblems(found)) print.note(`warning: ${line}`);
}

function strings(value: Json | undefined): readonly string[] {
  return isList(value) ? value.filter((item) => typeof item === "string") : [];
}

/** A client, with the servers that use it. */
interface PlannedClient extends Pick<PlannedServer, "client" | "method" | "isUnlisted"> {
  readonly issuer: string;
  readonly servers: { name: string; url: string | undefined; scopes: readonly string[] }[];
}

function kindOf(client: Json | undefined): CredentialKind | undefined {
  return (["secret", "key", "certificate"] as const).find((kind) => property(client, kind) !== undefined);
}

/** Collects what to add to a config, server by server. */
export class Planner {
  readonly #io: Pick<CommandIo, "ask" | "print">;
  readonly #target: Target;
  readonly #options: PlanOptions;
  readonly #confirmed = new Set<string>();
  readonly #variables: NeededVariable[] = [];
  readonly #files = new Map<string, NeededFile>();
  /** The clients of the servers so far, each with the servers that use it. */
  readonly #clients: PlannedClient[] = [];

  constructor(io: Pick<CommandIo, "ask" | "print">, target: Target, options: PlanOptions) {
    this.#io = io;
    this.#target = target;
    this.#options = options;
  }

  /** Asks what is not known, and shows the authorization server. Throws the errors of `chooseIssuer`. */
  async add({ name, url, written, found }: Candidate): Promise<void> {
    const { print, ask } = this.#io;
    const { cwd, clientId: id, issuer: given, keyFile, commandWith } = this.#options;
    const config = this.#target.value;
    const issuer = await chooseIssuer(url, found, {
      ...{ given, ask, confirmed: this.#confirmed },
      commandWith: (each) => commandWith(name, each),
      insecureHosts: strings(property(property(config, "network"), "allowInsecureHttp")),
    });
    const metadata = found.servers.find((server) => server.issuer === issuer);
    const server = { name, url: written, scopes: found.scopes };
    const earlier = this.#clients.filter((each) => each.issuer === issuer);
    if (earlier.length === 0) print.note(table(describeIssuer(url, issuer, metadata)));
    const shared = await this.#shared(name, earlier);
    if (shared !== undefined) {
      shared.servers.push(server);
      return;
    }
    const variable = clientVariable(name, "clientId", (each) => this.#isTaken(each));
    const choice = await chooseClient(this.#io, issuer, metadata, config, {
      ...{ id, keyFile, server: name, variable },
      askForKey: async (questions) => {
        const path = await chooseKeyFile(questions, cwd);
        return path && pathForConfig(path, cwd, dirname(this.#target.file));
      },
    });
    const client = "named" in choice ? choice.named : this.#client(name, choice);
    const kind =
      "named" in choice ? kindOf(property(property(config, "clients"), choice.named)) : choice.credential;
    const method = kind && methodFor(kind, metadata);
    const isUnlisted = kind !== undefined && method === undefined;
    this.#clients.push({ ...{ issuer, client, method, isUnlisted }, servers: [server] });
  }

  /** Returns the client of another server that this one shares: never unless the person says so. */
  async #shared(name: string, earlier: readonly PlannedClient[]): Promise<PlannedClient | undefined> {
    const [first] = earlier;
    if (first === undefined || this.#options.clientId !== undefined) return first;
    const answer = await this.#io.ask?.select(`Client of ${quoted(name)}`, [
      { value: "", label: "a client of its own" },
      ...earlier.map(({ servers: [user] }) => ({
        value: user?.name ?? "",
        label: `the same as that of ${quoted(user?.name ?? "")}`,
      })),
    ]);
    return earlier.find(({ servers: [user] }) => user?.name === answer);
  }

  /** Says why `add` failed for one of several servers. Throws errors that concern all of them. */
  whyLeftOut(name: string, error: unknown): string {
    if (!(error instanceof UsageError) && !(error instanceof McpAuthError)) throw error;
    return `${quoted(name)} is left out. ${error.message}`;
  }

  /** A client of several servers gets a name; that of one server is in the server. */
  finish(): Plan {
    const clients: Record<string, Json> = {};
    const servers: Record<string, Json> = {};
    const planned: PlannedServer[] = [];
    for (const { client, method, isUnlisted, servers: users } of this.#clients) {
      const [first, second] = users;
      if (first === undefined) continue;
      const isNew = second !== undefined && typeof client !== "string";
      const used = isNew ? this.#nameOfClient(first.name, clients) : client;
      if (isNew) clients[String(used)] = client;
      for (const { name, url, scopes } of users) {
        servers[name] = serverFor(url, used);
        planned.push({ name, client, method, isUnlisted, scopes });
      }
    }
    return { clients, servers, planned, variables: this.#variables, files: [...this.#files.values()] };
  }

  #client(name: string, choice: ChosenClient): Json {
    const { client, variables, files } = suggestClient(name, choice, (variable) => this.#isTaken(variable));
    // Several clients may have the same id.
    this.#variables.push(
      ...variables.filter(({ name: each }) => !this.#variables.some((known) => known.name === each)),
    );
    for (const file of files) this.#files.set(file.path, file);
    return client;
  }

  #isTaken(variable: string): boolean {
    return (
      new RegExp(`\\b${variable}\\b`).test(this.#target.text) ||
      this.#variables.some((each) => each.name === variable)
    );
  }

  #nameOfClient(base: string, added: Readonly<Record<string, Json>>): string {
    const known = property(this.#target.value, "clients");
    return uniqueName(base, (name) => Object.hasOwn(added, name) || property(known, name) !== undefined);
  }
}
