import { dirname, join, resolve } from "node:path";
import { entries, property } from "../config/json.js";
import { type DiscoverOptions, discover } from "../index.js";
import { printable, quoted } from "../lib/printable.js";
import { shellQuoted } from "../lib/shell-quoted.js";
import { defineCommand } from "./define-command.js";
import { assertWholeUrl } from "./discovery/assert-url.js";
import { escaped } from "./discovery/escaped.js";
import { networkOf } from "./discovery/network-of-config.js";
import { exitCodes } from "./exit-code.js";
import { askForSource } from "./init/ask-for-source.js";
import { pathForConfig } from "./init/choose-client.js";
import { initCommand } from "./init/command-line.js";
import { findTarget, type Target } from "./init/find-target.js";
import { adviseToIgnore, askToIgnore } from "./init/git-ignores.js";
import { type HidingPrinter, hidingPrinter } from "./init/hide-values.js";
import { findHostCandidates } from "./init/host-candidates.js";
import { type Candidate, Planner, showServer } from "./init/plan.js";
import { report } from "./init/report.js";
import { isServerName, serverName, uniqueName } from "./init/server-name.js";
import { configWith, writeConfig } from "./init/write-config.js";
import type { CommandIo } from "./io.js";
import { environment, startingFolder, UsageError } from "./options.js";
import { shownFile } from "./violations.js";

/** `init [URL]`: writes a config for a server, or adds the server to the config. */
export const init = defineCommand({
  args: [{ name: "URL", is: "url", optional: true }],
  description:
    "Asks the MCP server at URL how it wants to be authorized, shows what it found, and writes mcp-auth.config.json, or " +
    "adds the server to the config that is there. Comments and layout stay as they are, and no server is replaced. The " +
    "names of the variables that it needs go to .env.example. It never writes or asks for a secret.",
  options: {
    name: {
      type: "string",
      value: "NAME",
      help: "the name of the server in the config; with --from, the one server of the file to add",
    },
    "client-id": {
      type: "string",
      value: "ID",
      help: "the id of the client (default: a variable of the server, such as CRM_CLIENT_ID)",
    },
    issuer: {
      type: "string",
      value: "URL",
      help:
        "the authorization server that may get the client's credentials. Needed without a terminal if it is at another " +
        "origin than the server",
    },
    key: { type: "string", value: "FILE", file: true, help: "the client's private key, instead of a secret" },
    from: {
      type: "string",
      value: "FILE",
      file: true,
      help: "add the servers of a host's file, such as .mcp.json, that require a token",
    },
  },
  notes:
    "With --from, each server gets a client of its own, with variables of its own. The other options then hold for all " +
    "servers that are added: to give them different clients, add one at a time with --name.\n\n" +
    "On a terminal it asks for what is not given, and each question but that for the issuer has a default. Elsewhere it " +
    "never asks. A server can name any authorization server, so one at another origin must be confirmed, or given with " +
    "--issuer.",
  examples: [
    ["init https://crm.example/mcp", "a config for one server"],
    [
      "init https://crm.example/mcp --client-id crm-agent --issuer https://auth.example",
      "without questions, for a script",
    ],
    [
      "init https://crm.example/mcp --client-id crm-agent --key ../agent.pem",
      "with a private key that is there already",
    ],
    ["init --from .mcp.json", "all servers of a host that require a token"],
    ["init --from .mcp.json --name crm --client-id crm-agent", "one of them, with its own client"],
  ],
  async run({ values, args: [givenUrl] }, io) {
    const { config, from: givenFile, name } = values;
    if (givenUrl !== undefined && givenFile !== undefined) {
      throw new UsageError("Give either a URL or --from FILE");
    }
    if (givenUrl !== undefined) assertWholeUrl(givenUrl);
    const env = await environment(io, values["env-file"]);
    const cwd = startingFolder(io.cwd, config, env);
    const target = await findTarget({ cwd: io.cwd, env, config });
    const source =
      givenUrl === undefined && givenFile === undefined
        ? await askForSource(io.ask, cwd)
        : { url: givenUrl, file: givenFile };
    const folder = dirname(target.file);
    const network = networkOf(property(target.value, "network"), folder);
    const ask = (url: string) =>
      discover(url, { signal: io.signal, ...(network !== undefined && { network }) });
    const keyFile = values.key === undefined ? undefined : pathForConfig(values.key, cwd, folder);
    const { print, hide } = hidingPrinter(io.print);
    const quiet = { ...io, print };
    const planner = new Planner(quiet, target, {
      ...{ cwd, clientId: values["client-id"], issuer: values.issuer, keyFile },
      commandWith: (server, issuer) =>
        source.file === undefined
          ? initCommand(source.url, values, issuer)
          : initCommand(undefined, { ...values, from: source.file, name: server }, issuer),
    });
    let imported: string | undefined;
    if (source.file !== undefined) {
      imported = await addFromHost(quiet, source.file, { env, cwd, target, planner, ask, hide, only: name });
    } else if (source.url !== undefined) {
      await planner.add(await candidate(io, source.url, name, target, ask));
    }
    const plan = planner.finish();
    const variables = plan.variables.map((each) => each.name);
    const text = await configWith(
      target,
      { ...plan, ...(imported !== undefined && { import: imported }) },
      env,
      variables,
    );
    const secrets = [
      ...(variables.length > 0 ? [join(folder, ".env")] : []),
      ...plan.files.filter(({ holds }) => holds !== "a certificate").map(({ path }) => resolve(folder, path)),
    ];
    const advice = await adviseToIgnore(folder, secrets);
    const ignore = advice !== undefined && (await askToIgnore(io, advice)) ? advice : undefined;
    await writeConfig(target, text);
    await report(io, target, plan, { cwd, config, ignore });
    return exitCodes.done;
  },
});

type Discover = (url: string, options?: DiscoverOptions) => ReturnType<typeof discover>;

async function candidate(
  io: Pick<CommandIo, "ask" | "cwd" | "print" | "waitFor">,
  url: string,
  given: string | undefined,
  target: Target,
  ask: Discover,
): Promise<Candidate> {
  const isTaken = (name: string) => hasServer(target, name);
  if (given === undefined) assertNewUrl(url, target, io.cwd);
  else assertName(given, target, io.cwd);
  const host = URL.canParse(url) ? new URL(url).host : url;
  const found = await io.waitFor(`Asking ${host}`, ask(url));
  showServer(io, url, found);
  const suggested = given ?? serverName(url, isTaken);
  const name =
    given !== undefined || io.ask === undefined
      ? suggested
      : await io.ask.text("Name of the server in the config", {
          initial: suggested,
          validate: (answer) => nameProblem(answer, isTaken),
        });
  return { name, url, written: String(escaped(url)), found };
}

function assertNewUrl(url: string, { file, value }: Target, cwd: CommandIo["cwd"]): void {
  const known = entries(property(value, "servers")).find(([, server]) => property(server, "url") === url);
  if (known === undefined) return;
  const [name] = known;
  throw new UsageError(
    `${shownFile(file, cwd)} already has this server, as ${quoted(name)}. Try npx mcp-auth-runtime token ${shellQuoted(name)}, or add ` +
      "it once more under another name with --name NAME",
  );
}

function hasServer({ value }: Target, name: string): boolean {
  return property(property(value, "servers"), name) !== undefined;
}

function assertName(name: string, target: Target, cwd: CommandIo["cwd"]): void {
  const isTaken = (each: string) => hasServer(target, each);
  const file = shownFile(target.file, cwd);
  const problem = nameProblem(name, isTaken);
  if (problem === undefined) return;
  const remedy = isTaken(name)
    ? ` It is not changed. Choose another name, such as --name ${uniqueName(name, isTaken)}, or edit ${file}`
    : "";
  throw new UsageError(`--name ${quoted(name)}: ${problem}.${remedy}`);
}

function nameProblem(name: string, isTaken: (name: string) => boolean): string | undefined {
  if (!isServerName(name)) {
    return "A name has letters, digits, dots, hyphens and underscores, and starts with a letter or digit";
  }
  return isTaken(name) ? "The config already has a server with this name" : undefined;
}

/** Adds the servers of a host's file to the plan. Returns the path to import, if the config does not import it yet. */
async function addFromHost(
  io: CommandIo,
  path: string,
  options: {
    readonly env: CommandIo["env"];
    readonly cwd: string;
    readonly target: Target;
    readonly planner: Planner;
    readonly ask: Discover;
    readonly only: string | undefined;
    readonly hide: HidingPrinter["hide"];
  },
): Promise<string | undefined> {
  const { planner } = options;
  const { candidates, imported, leftOut } = await findHostCandidates(io, path, options);
  for (const line of leftOut) io.print.note(line);
  let added = 0;
  for (const each of candidates) {
    showServer(io, each.url, each.found);
    try {
      await planner.add(each);
      added += 1;
    } catch (error) {
      const line = planner.whyLeftOut(each.name, error);
      io.print.note(line);
    }
  }
  if (added === 0) {
    throw new UsageError(`Nothing was written, because no server of ${printable(path)} could be added`);
  }
  return imported;
}
