// What `recorder.mjs` wrote, and what is wrong with it.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const recorder = new URL("recorder.mjs", import.meta.url).href;

/** A folder to record in. */
export async function startRecords() {
  return await mkdtemp(join(tmpdir(), "mcp-auth-tls-"));
}

/** The variables with which a process and all below it record there. */
export function recordingEnvironment(folder, nodeOptions = process.env["NODE_OPTIONS"] ?? "") {
  const preload = `--import=${recorder}`;
  const all = nodeOptions.includes(preload) ? nodeOptions : `${nodeOptions} ${preload}`.trim();
  return { MCP_AUTH_TLS_RECORDS: folder, NODE_OPTIONS: all };
}

/** Of a process that records: what a child needs whose environment is otherwise its own. */
export function inheritedRecording() {
  const folder = process.env["MCP_AUTH_TLS_RECORDS"];
  return folder === undefined ? {} : recordingEnvironment(folder, "");
}

/** How many connections were opened, and a sentence for each problem. The folder is removed. */
export async function endRecords(folder) {
  const files = await readdir(folder);
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  await rm(folder, { recursive: true, force: true });
  const entries = texts.flatMap((text) =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line)),
  );
  return judge(entries);
}

function judge(entries) {
  const of = (event) => entries.filter((entry) => entry.event === event);
  const opened = of("connect");
  const problems = [
    ...opened
      .filter(({ verifies }) => !verifies)
      .map(({ where }) => `A TLS connection to ${where} was opened without verifying the peer.`),
    // It verified here, and would not have with NODE_TLS_REJECT_UNAUTHORIZED=0.
    ...opened
      .filter(({ verifies, isGiven }) => verifies && !isGiven)
      .map(({ where }) => `A TLS connection to ${where} left it to the process whether to verify the peer.`),
    ...of("connected")
      .filter(({ authorized }) => !authorized)
      .map(({ where }) => `A TLS connection to ${where} was made although its peer could not be verified.`),
  ];
  const accepted = of("accepted").length;
  if (accepted > opened.length) {
    problems.push(
      `TLS servers of the tests accepted ${accepted} connections, and only ${opened.length} were recorded: a process that ` +
        "opens them does not record. Pass it `inheritedRecording()` in its environment.",
    );
  }
  // Each connection to the same place has the same problem.
  return { opened: opened.length, verified: of("connected").length, problems: [...new Set(problems)] };
}
