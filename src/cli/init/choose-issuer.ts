import { findUrlProblem } from "../../config/check-url.js";
import { type Discovery, McpAuthError } from "../../index.js";
import { printable, quoted } from "../../lib/printable.js";
import { shellQuoted } from "../../lib/shell-quoted.js";
import { isSameOrigin, withAsciiHost } from "../discovery/describe.js";
import type { CommandIo } from "../io.js";
import { UsageError } from "../options.js";

export interface IssuerOptions {
  /** The issuer that the person gave on the command line. */
  readonly given: string | undefined;
  readonly ask: CommandIo["ask"];
  /** Hosts that the config allows over plain http. */
  readonly insecureHosts: readonly string[];
  /** Returns the command line with this option `--issuer`, which is a word for a shell. */
  readonly commandWith: (issuer: string) => string;
  /** The issuers of other origins that the person has confirmed, to which this one is added. */
  readonly confirmed: Set<string>;
}

/** More choices would not fit on a screen. */
const mostChoices = 12;

/**
 * Returns the issuer that gets the credentials of the client. One at the server's own origin needs no confirmation. Any
 * other is only used if the person named or confirmed it, because a server can name whom it wants.
 *
 * Throws `issuer_mismatch` if the server does not list the given one, an error of the discovery if it found none, and
 * `UsageError`.
 */
export async function chooseIssuer(url: string, found: Discovery, options: IssuerOptions): Promise<string> {
  const { given, ask, confirmed } = options;
  const problemOf = (issuer: string): Problem | undefined => {
    const problem = findUrlProblem(issuer, "issuer");
    return options.insecureHosts.includes(problem?.insecureHost ?? "") ? undefined : problem?.mistake;
  };
  if (given !== undefined) return checkGiven(given, problemOf(given), url, found);
  const usable = found.issuers.filter((issuer) => problemOf(issuer) === undefined);
  const [only, another] = usable;
  if (only === undefined) return await askForIssuer(url, found, options, problemOf);
  if (another !== undefined) return await select(url, inOrder(usable, found), options);
  if (isSameOrigin(only, url) || confirmed.has(only)) return only;
  const { host } = new URL(url);
  if (ask === undefined) {
    throw new UsageError(
      `The authorization server of ${printable(host)} is at another origin: ${printable(withAsciiHost(only))}. If the client's ` +
        `credentials may be sent there:\n  ${options.commandWith(shellQuoted(only))}`,
    );
  }
  const question = `Send the client's credentials to ${withAsciiHost(only)}? (${host} names it as its authorization server)`;
  // A person who only presses Enter has not confirmed it.
  if (!(await ask.confirm(question, { initial: false }))) {
    throw new UsageError(
      `Nothing was written, because the issuer was not confirmed. Ask the operator of ${printable(host)} which one is right, ` +
        "and give it with --issuer URL",
    );
  }
  confirmed.add(only);
  return only;
}

interface Problem {
  readonly message: string;
  readonly hint?: string;
}

function checkGiven(
  given: string,
  problem: Problem | undefined,
  url: string,
  { issuers, resourceMetadataUrl }: Discovery,
): string {
  if (problem !== undefined) {
    const { message, hint } = problem;
    throw new UsageError(`--issuer ${quoted(given)}: ${message}.${hint === undefined ? "" : ` ${hint}.`}`);
  }
  // Without metadata, the list is only a guess.
  if (resourceMetadataUrl === undefined || issuers.length === 0 || issuers.includes(given)) return given;
  // Issuers are compared as strings, so the server's spelling is the right one.
  const withoutSlash = (issuer: string) => issuer.replace(/\/$/, "");
  const near = issuers.find((issuer) => withoutSlash(issuer) === withoutSlash(given));
  if (near !== undefined) return near;
  throw new McpAuthError(
    "issuer_mismatch",
    `${printable(new URL(url).host)} does not list ${printable(given)} as its authorization server. Use one that it lists, or ask ` +
      "its operator.",
    { details: { authorization_servers: issuers.slice(0, mostChoices) } },
  );
}

async function askForIssuer(
  url: string,
  { problems }: Discovery,
  { ask, commandWith }: IssuerOptions,
  problemOf: (issuer: string) => Problem | undefined,
): Promise<string> {
  if (ask !== undefined) {
    return await ask.text(`Issuer: the URL of the authorization server of ${new URL(url).host}`, {
      validate: (answer) => {
        const problem = problemOf(answer);
        return problem && `${problem.message}. Ask the operator of the server for it.`;
      },
    });
  }
  const [problem] = problems;
  const message =
    `No authorization server was found for ${printable(url)}. If you know it:\n` + `  ${commandWith("URL")}`;
  // The problems have been shown. The first one decides the exit code.
  throw problem === undefined ? new UsageError(message) : new McpAuthError(problem.code, message);
}

/** Says the real name of a host that may look like another one, as a comment of a command line. */
function hostNote(issuer: string): string {
  return withAsciiHost(issuer) === issuer ? "" : `    # its host is ${printable(new URL(issuer).host)}`;
}

/** Issuers with metadata come first. */
function inOrder(issuers: readonly string[], { servers }: Discovery): readonly string[] {
  const hasMetadata = (issuer: string) => servers.some((server) => server.issuer === issuer);
  return issuers.toSorted((a, b) => Number(hasMetadata(b)) - Number(hasMetadata(a))).slice(0, mostChoices);
}

async function select(
  url: string,
  issuers: readonly string[],
  { ask, commandWith }: IssuerOptions,
): Promise<string> {
  if (ask === undefined) {
    const lines = issuers.map((issuer) => `\n  ${commandWith(shellQuoted(issuer))}${hostNote(issuer)}`);
    throw new UsageError(
      `${printable(new URL(url).host)} names several authorization servers. Choose the one that knows the client:${lines.join("")}`,
    );
  }
  const choices = issuers.map((issuer) => ({
    ...{ value: issuer, label: withAsciiHost(issuer) },
    ...(!isSameOrigin(issuer, url) && { hint: "another origin than the server" }),
  }));
  return await ask.select(
    "Which authorization server knows the client? It gets the client's credentials",
    choices,
  );
}
