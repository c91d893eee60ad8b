// docs/hosts.md, from the results of a run.
import { notRun } from "./not-run.mjs";

/**
 * @typedef {object} Row
 * @property {string} title of the host
 * @property {string} page
 * @property {string} version
 * @property {string} way
 * @property {string} write
 * @property {import("./host.js").Outcome} [outcome]
 * @property {string} [reason] why the host was not run
 */

const introduction = `# Choose your host

A host is the framework or tool that runs your agent. Open its page from the first column: it has the lines to copy.

Each row is one way to give the host tokens, tested with the published host in that version, a real authorization server
and a real MCP server. In one process, the host:

1. connects and calls a tool, while the token endpoint takes four seconds to answer
2. calls again after the token was revoked, and makes ten calls at once after another revocation
3. calls after the token has expired
4. calls after the authorization server could not be reached for twenty seconds (an outage)

A host that has an agent loop runs it, with a scripted model. The last column counts the token requests of the whole
run: five is one for each new token that is needed. "–" means not tried.

The ways are:

- **adapter**: a few lines of code with \`mcp-auth-runtime/hosts/…\`. Take it if there is one.
- **register**: one flag of Node, and the plain URL in the host's settings. See [Use it without changing
  code](without-code.md).
- **proxy**: a local URL. See [Serve hosts that accept only a URL](proxy.md).
- **plugin**, **headers helper**: see the host's page.
`;

const header = `| host | version | way | what to write | survives revocation | survives expiry | survives an outage | token requests |
| --- | --- | --- | --- | --- | --- | --- | --- |`;

const end = `
\`npm run test:hosts\` runs all of this and writes this page. \`npm run test:hosts -- mastra\` runs one host, and \`--latest\`
takes the newest versions.
`;

/**
 * Returns the page.
 *
 * @param {readonly Row[]} rows
 */
export function page(rows) {
  const all = [...rows, ...notRun.map((host) => ({ version: "not run", ...host }))];
  const lines = all.toSorted((a, b) => a.title.localeCompare(b.title, "en")).map(line);
  return `${introduction}\n${[header, ...lines].join("\n")}\n${end}`;
}

function line({ title, page: name, version, way, write, outcome, reason }) {
  const cells = [`[${title}](hosts/${name}.md)`, version, way, write];
  if (outcome === undefined) return row([...cells, reason, "", "", ""]);
  const { revocation, expiry, absence, tokenRequests } = outcome;
  return row([...cells, ...[revocation, expiry, absence].map(said), String(tokenRequests)]);
}

/** @param {boolean | string | undefined} holds `undefined` if it was not tried */
function said(holds) {
  if (typeof holds === "string") return holds;
  return holds === undefined ? "–" : holds ? "yes" : "no";
}

function row(cells) {
  return `| ${cells.join(" | ")} |`;
}
