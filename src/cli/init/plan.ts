import { isList, type Json, property } from "../../config/json.js";
import { type Discovery, McpAuthError } from "../../index.js";
import { quoted } from "../../lib/printable.js";
import { describeIssuer, describeProblems, describeServer } from "../discovery/describe.js";
import { type NeededFile, serverFor, suggestClient } from "../discovery/suggested-server.js";
import type { CommandIo } from "../io.js";
import { UsageError } from "../options.js";
import { table } from "../table.js";
import { type Choice, chooseClient } from "./choose-client.js";
import { chooseIssuer } from "./choose-issuer.js";
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
  readonly clientId: string | undefined;
  readonly issuer: string | undefined;
  /** As the config names it. */
  readonly keyFile: string | undefined;
}

/** What is added to the config, and what it needs. */
export interface Plan extends Required<Pick<Additions, "clients" | "servers">> {
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

/** Collects what to add to a config, server by server. */
export class Planner {
  readonly #io: Pick<CommandIo, "ask" | "print">;
  readonly #target: Target;
  readonly #options: PlanOptions;
  readonly #confirmed = new Set<string>();
  readonly #variables: NeededVariable[] = [];
  readonly #files = new Map<string, NeededFile>();
  /** The clients of the servers so far, each with the servers that use it. */
  readonly #clients: {
    readonly issuer: string;
    readonly choice: Choice;
    readonly servers: { name: string; url: string | undefined }[];
  }[] = [];

  constructor(io: Pick<CommandIo, "ask" | "print">, target: Target, options: PlanOptions) {
    this.#io = io;
    this.#target = target;
    this.#options = options;
  }

  /** Asks what is not known, and shows the authorization server. Throws the errors of `chooseIssuer`. */
  async add({ name, url, written, found }: Candidate): Promise<void> {
    const { print, ask } = this.#io;
    const { clientId: id, issuer: given, keyFile } = this.#options;
    const issuer = await chooseIssuer(url, found, {
      ...{ given, ask, confirmed: this.#confirmed },
      insecureHosts: strings(property(property(this.#target.value, "network"), "allowInsecureHttp")),
    });
    const metadata = found.servers.find((server) => server.issuer === issuer);
    const earlier = this.#clients.find((each) => each.issuer === issuer);
    const server = { name, url: written };
    if (earlier !== undefined) {
      earlier.servers.push(server);
      return;
    }
    print.note(table(describeIssuer(url, issuer, metadata)));
    const choice = await chooseClient(this.#io, issuer, metadata, this.#target.value, { id, keyFile });
    this.#clients.push({ issuer, choice, servers: [server] });
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
    for (const { choice, servers: users } of this.#clients) {
      const [first, second] = users;
      if (first === undefined) continue;
      const name = second === undefined ? first.name : this.#nameOfClient(first.name, clients);
      const client = "named" in choice ? choice.named : this.#client(name, choice);
      if (second !== undefined && typeof client !== "string") clients[name] = client;
      const used = second === undefined ? client : typeof client === "string" ? client : name;
      for (const user of users) servers[user.name] = serverFor(user.url, used);
    }
    return { clients, servers, variables: this.#variables, files: [...this.#files.values()] };
  }

  #client(name: string, choice: Exclude<Choice, { named: string }>): Json {
    const isTaken = (variable: string) =>
      new RegExp(`\\b${variable}\\b`).test(this.#target.text) ||
      this.#variables.some((each) => each.name === variable);
    const { client, variables, files } = suggestClient(name, choice, isTaken);
    // Several clients may have the same id.
    this.#variables.push(
      ...variables.filter(({ name: each }) => !this.#variables.some((known) => known.name === each)),
    );
    for (const file of files) this.#files.set(file.path, file);
    return client;
  }

  #nameOfClient(base: string, added: Readonly<Record<string, Json>>): string {
    const known = property(this.#target.value, "clients");
    return uniqueName(base, (name) => Object.hasOwn(added, name) || property(known, name) !== undefined);
  }
}
