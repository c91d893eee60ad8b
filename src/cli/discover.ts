import { type DiscoveredAuthorizationServer, type Discovery, discover as discoverServer } from "../index.js";
import { printable } from "../lib/printable.js";
import { shellQuoted } from "../lib/shell-quoted.js";
import { defineCommand } from "./define-command.js";
import { assertWholeUrl } from "./discovery/assert-url.js";
import { listedCredentials } from "./discovery/credential.js";
import { clientCredentials, describeIssuer, describeProblems, describeServer } from "./discovery/describe.js";
import { findNetwork } from "./discovery/network-of-config.js";
import { suggestServer } from "./discovery/suggested-server.js";
import { exitCodeOf, exitCodes } from "./exit-code.js";
import { serverName } from "./init/server-name.js";
import { writtenJson } from "./init/written-json.js";
import { environment } from "./options.js";
import { table } from "./table.js";

/** `discover URL`: what a server publishes about authorization, and the config that follows from it. */
export const discover = defineCommand({
  args: [{ name: "URL", is: "url" }],
  description:
    "Shows what the MCP server at URL and its authorization servers publish: issuers, scopes, client authentication " +
    "methods, grants, and what is wrong with it. Ends with a config to copy. Sends no credentials, and needs no config.",
  options: {
    json: {
      type: "boolean",
      help: "print an object: all that was found, with url, config and clientCredentials",
    },
  },
  notes:
    "The issuers are what the server says. Use one only if you know it, because it gets the credentials of the client. " +
    "The network section of a config in this folder, or of the one that --config names, is used for the requests.\n\n" +
    "Exit code 3 if no authorization server was found, and 4 if the server cannot be reached.",
  examples: [
    ["discover https://crm.example/mcp", "what it publishes, and the config that follows"],
    ["discover https://crm.example/mcp --json", "the same for a script"],
  ],
  async run({ values, args: [url = ""] }, io) {
    assertWholeUrl(url);
    const env = await environment(io, values["env-file"]);
    const network = await findNetwork(io, env, values.config);
    const { signal } = io;
    const found = await io.waitFor(
      `Asking ${hostOf(url)}`,
      discoverServer(url, { signal, ...(network !== undefined && { network }) }),
    );
    const suggestion = suggestConfig(url, found);
    if (values.json === true) {
      const credentials = clientCredentials(found, suggestion?.server);
      io.print.json(
        { url, ...found, clientCredentials: credentials, ...(suggestion && { config: suggestion.config }) },
        2,
      );
      return exitCode(found);
    }
    const issuers = found.issuers.slice(0, mostIssuers);
    const more = found.issuers.length - issuers.length;
    io.print.result(table(describeServer(url, found)));
    for (const issuer of issuers) {
      const server = found.servers.find((each) => each.issuer === issuer);
      io.print.result(`\n${table(describeIssuer(url, issuer, server))}`);
    }
    if (more > 0) io.print.result(`\n${more} more issuers: see --json`);
    const problems = describeProblems(found);
    if (problems.length > 0) io.print.result(["\nProblems", ...problems].map(indented).join("\n"));
    if (suggestion !== undefined) {
      io.print.result(`\nConfig\n${printableJson(suggestion.config)}`);
      io.print.note(`\nTo write it: npx mcp-auth-runtime init ${shellQuoted(url)}`);
    }
    return exitCode(found);
  },
});

/** More would not fit on a screen. */
const mostIssuers = 8;

/** Returns the config for the first issuer that has metadata. */
function suggestConfig(
  url: string,
  found: Discovery,
): { readonly config: object; readonly server: DiscoveredAuthorizationServer } | undefined {
  const [server] = found.servers;
  if (server === undefined) return undefined;
  const name = serverName(url, () => false);
  const [credential = "secret"] = listedCredentials(server);
  const chosen = { issuer: server.issuer, id: undefined, credential };
  const suggested = suggestServer(name, url, chosen, () => false);
  return { config: { servers: { [name]: suggested.server } }, server };
}

/** The order of the text is that of the lines: a server's text in it is escaped as JSON. */
function printableJson(config: object): string {
  // A config is JSON.
  const text = writtenJson(JSON.parse(JSON.stringify(config)));
  return text.split("\n").map(printable).join("\n");
}

function indented(line: string, index: number): string {
  return index === 0 ? line : `  ${line}`;
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

function exitCode({ servers, requiresToken, problems: [problem] }: Discovery): number {
  if (servers.length > 0 || problem === undefined) return exitCodes.done;
  if (requiresToken === false) return exitCodes.done;
  return exitCodeOf(problem.code);
}
