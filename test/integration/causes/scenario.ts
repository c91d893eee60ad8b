// Faults that people run into, each with the servers, files and variables that produce it, and what a person types.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { McpAuthConfig } from "../../../src/index.js";
import { type Handler, type RecordedRequest, sendJson } from "../../support/http-server.js";
import { type CommandResult, command, project } from "../../unit/cli/command.js";
import { sendToken, startScriptedServer } from "../harness.js";
import { mcpAnswers } from "./mcp-answers.js";

/** The origins of the two servers. The MCP server is at `/mcp`. */
export interface Place {
  readonly issuer: string;
  readonly mcp: string;
}

/** A token endpoint's rejection, as that product words it. */
export interface Rejection {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** How a token endpoint answers: `undefined` issues a token. */
export type Judge = (
  request: RecordedRequest,
  form: URLSearchParams,
) => Rejection | undefined | Promise<Rejection | undefined>;

type Server = Partial<McpAuthConfig<"crm">["servers"]["crm"]>;

/** Servers, a config and a machine. */
export interface Scenario {
  /** What is wrong or unusual, as the row of the table says it. */
  readonly words: string;
  /** What the person types. Default: `token crm`. */
  readonly argv?: readonly string[];
  /** Decides about token requests. Default: each gets a token. With this, the fault also runs with bare answers. */
  readonly judge?: Judge;
  /** Answers the token endpoint instead of `judge`. */
  readonly token?: (place: Place) => Handler;
  /** Members of the authorization server's metadata. */
  readonly metadata?: (place: Place) => Readonly<Record<string, unknown>>;
  /** Answers the authorization server instead of `metadata`, except for the token endpoint. */
  readonly issuer?: (place: Place) => Handler;
  /** Seconds that the authorization server's clock is ahead of the machine's. */
  readonly ahead?: number;
  /** Answers the MCP server. Default: no metadata, and 200 at `/mcp`. */
  readonly mcp?: (place: Place) => Handler;
  /** Members of the server in the config. Default: a client whose secret is in CRM_SECRET. */
  readonly server?: (place: Place) => Server;
  /** Members of the config beside `servers`. */
  readonly top?: (place: Place) => Readonly<Record<string, unknown>>;
  /** The text of the config, for mistakes that its type does not allow. */
  readonly text?: (place: Place) => string;
  /** The name of the config's file. */
  readonly file?: string;
  readonly env?: Readonly<Record<string, string>> | ((place: Place) => Readonly<Record<string, string>>);
  /** Adds files to the project's folder. */
  readonly prepare?: (folder: string) => Promise<void>;
  /** The folder below the project's to run in. Default: the project's. */
  readonly runIn?: string;
}

/** A scenario in which something is wrong. */
export interface Fault extends Scenario {
  /** A part of what the command prints that names the cause, or what to do about it. */
  readonly named: string;
  /** What it names of other faults, which look the same from here. */
  readonly also?: readonly string[];
}

/** What a server that words nothing answers. */
export type Bare = 400 | 401;

/** Runs the command of a scenario and returns what it printed. */
export async function runScenario(
  scenario: Scenario,
  bare?: Bare,
): Promise<CommandResult & { readonly config: string }> {
  const { ahead = 0, env = { CRM_SECRET: "s3cr3t" } } = scenario;
  const authorizationServer = await startScriptedServer((request, response) => {
    response.setHeader("date", new Date(Date.now() + ahead * 1_000).toUTCString());
    return request.url === "/token" ? token(request, response) : issuer(request, response);
  });
  const mcpServer = await startScriptedServer((request, response) => mcp(request, response));
  const place: Place = { issuer: authorizationServer.origin, mcp: mcpServer.origin };
  const token = scenario.token?.(place) ?? judged(scenario.judge ?? (() => undefined), bare);
  const issuer = scenario.issuer?.(place) ?? metadataOf(place, scenario.metadata?.(place));
  const mcp = scenario.mcp?.(place) ?? withoutMetadata;
  const config = scenario.text?.(place) ?? configOf(scenario, place);
  const folder = await project();
  const path = join(folder, scenario.file ?? "mcp-auth.config.json");
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, config, { mode: 0o600 });
  await scenario.prepare?.(folder);
  const result = await command(scenario.argv ?? ["token", "crm"], {
    cwd: join(folder, scenario.runIn ?? ""),
    env: typeof env === "function" ? env(place) : env,
  });
  return { ...result, config };
}

function configOf(scenario: Scenario, place: Place): string {
  const client = { issuer: place.issuer, id: "crm-agent", secret: { env: "CRM_SECRET" } };
  const server = {
    url: `${place.mcp}/mcp`,
    // A person waits for the command. The default would try a server that fails three more times.
    retry: { attempts: 1 },
    grant: { client },
    ...scenario.server?.(place),
  };
  return JSON.stringify({ ...scenario.top?.(place), servers: { crm: server } }, undefined, 2);
}

function metadataOf({ issuer }: Place, members: Readonly<Record<string, unknown>> = {}): Handler {
  return publishedAt("/.well-known/oauth-authorization-server", "", members)({ issuer });
}

/** Publishes the metadata of an authorization server at one path only. Its issuer is its origin and `issuerPath`. */
export function publishedAt(
  path: string,
  issuerPath = "",
  members: Readonly<Record<string, unknown>> = {},
): (place: Pick<Place, "issuer">) => Handler {
  return ({ issuer }) =>
    (request, response) =>
      request.url === path
        ? sendJson(response, {
            issuer: `${issuer}${issuerPath}`,
            token_endpoint: `${issuer}/token`,
            ...members,
          })
        : sendJson(response, {}, 404);
}

function judged(judge: Judge, bare: Bare | undefined): Handler {
  return async (request, response) => {
    const rejection = await judge(request, new URLSearchParams(request.body));
    if (rejection === undefined) return sendToken(response, "granted", 600);
    if (bare !== undefined) return void response.writeHead(bare).end();
    sendJson(response, rejection.body, rejection.status);
  };
}

const withoutMetadata: Handler = (request, response) =>
  request.url.startsWith("/.well-known/") ? sendJson(response, {}, 404) : mcpAnswers()(request, response);
