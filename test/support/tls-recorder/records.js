// Reads and checks the records that `recorder.mjs` writes.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const recorder = new URL("recorder.mjs", import.meta.url).href;

/** Creates a folder for records. */
export async function startRecords() {
  return await mkdtemp(join(tmpdir(), "mcp-auth-tls-"));
}

/** Returns the variables with which a process and its child processes record in this folder. */
export function recordingEnvironment(folder, nodeOptions = process.env["NODE_OPTIONS"] ?? "") {
  const preload = `--import=${recorder}`;
  const all = nodeOptions.includes(preload) ? nodeOptions : `${nodeOptions} ${preload}`.trim();
  return { MCP_AUTH_TLS_RECORDS: folder, NODE_OPTIONS: all };
}

/** Returns the variables that a child process with its own environment needs so that it records too. */
export function inheritedRecording() {
  const folder = process.env["MCP_AUTH_TLS_RECORDS"];
  return folder === undefined ? {} : recordingEnvironment(folder, "");
}

/** Removes the folder. Returns the number of opened connections and a sentence for each problem. */
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
    // This connection verified its peer, but would not have with NODE_TLS_REJECT_UNAUTHORIZED=0.
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
      `TLS servers of the tests accepted ${accepted} connections, and only ${opened.length} were recorded: some process ` +
        "does not record. Pass it `inheritedRecording()` in its environment.",
    );
  }
  // All connections to the same place have the same problem.
  return { opened: opened.length, verified: of("connected").length, problems: [...new Set(problems)] };
}
