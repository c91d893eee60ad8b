// Tests that the TLS recorder finds connections that do not verify their peer.
import { execFile } from "node:child_process";
import { connect, type TlsOptions } from "node:tls";
import { promisify } from "node:util";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { createMcpAuth, type McpAuthConfig } from "../../src/index.js";
import { createAuthority, selfSigned } from "../support/certificates.js";
import { listen } from "../support/listen.js";
import {
  endRecords,
  inheritedRecording,
  recordingEnvironment,
  startRecords,
} from "../support/tls-recorder/records.js";

let tls: TlsOptions;
beforeAll(async () => {
  const { certificate, privateKey } = await selfSigned();
  tls = { cert: certificate, key: privateKey };
});

/**
 * Runs a program in another process with its own TLS server, whose URL is `url`, and its own folder for records. The
 * records of this test run do not include it.
 */
async function recorded(program: string, variables: Record<string, string> = {}) {
  const folder = await startRecords();
  const { PATH = "" } = process.env;
  const env = { PATH, ...variables, ...recordingEnvironment(folder, "") };
  const code = `
    import { createServer } from "node:https";
    const server = createServer(${JSON.stringify(tls)}, (_request, response) => response.end("ok"));
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address();
    const url = "https://127.0.0.1:" + port;
    ${program}
    server.closeAllConnections();
    server.close();`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code], { env });
  return await endRecords(folder);
}

const byFetch = "await fetch(url).then((response) => response.text()).catch(() => {});";

test("the recorder reports no problem for connections that verify their peer, even if the peer is refused", async () => {
  const trusting = `
    import { connect } from "node:tls";
    const peer = { host: "127.0.0.1", port, rejectUnauthorized: true };
    const ended = (options) => new Promise((done) => connect(options, function () { this.end(); }).on("close", done));
    await ended({ ...peer, ca: ${JSON.stringify(tls.cert)} });
    await new Promise((done) => connect(peer).on("error", done));`;
  expect(await recorded(trusting)).toEqual({ opened: 2, verified: 1, problems: [] });
});

test("the recorder reports a connection that would obey NODE_TLS_REJECT_UNAUTHORIZED even if it verifies its peer", async () => {
  const { opened, problems } = await recorded(byFetch);
  expect(opened).toBe(1);
  expect(problems).toEqual([expect.stringContaining("left it to the process whether to verify")]);
});

test.each<[string, string, Record<string, string>]>([
  ["fetch under NODE_TLS_REJECT_UNAUTHORIZED=0", byFetch, { NODE_TLS_REJECT_UNAUTHORIZED: "0" }],
  [
    "fetch after the variable was set at run time",
    `process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"; ${byFetch}`,
    {},
  ],
  [
    "node:https with rejectUnauthorized: false",
    `import { get } from "node:https";
    const options = { rejectUnauthorized: false };
    await new Promise((done) => get(url, options, (response) => response.resume().on("end", done)));`,
    {},
  ],
  [
    "tls.connect, imported by name, with a custom checkServerIdentity",
    `import { connect } from "node:tls";
    const options = { host: "127.0.0.1", port, checkServerIdentity: () => {} };
    await new Promise((done) => connect(options).on("error", done));`,
    {},
  ],
])(
  "the recorder reports a connection that does not verify its peer: %s",
  async (_name, program, variables) => {
    const { opened, problems } = await recorded(program, variables);
    expect(opened).toBe(1);
    expect(problems.join("\n")).toContain("without verifying the peer");
  },
);

test("the recorder reports a process that does not record, because its servers count connections", async () => {
  const child = `process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"; await fetch(process.argv[1]);`;
  const { opened, problems } = await recorded(`
    import { execFile } from "node:child_process";
    const args = ["--input-type=module", "-e", ${JSON.stringify(child)}, url];
    await new Promise((done) => execFile(process.execPath, args, { env: {} }, done));`);
  expect(opened).toBe(0);
  expect(problems).toEqual([expect.stringContaining("accepted 1 connections, and only 0 were recorded")]);
});

test("this process and its child processes record, and a runtime's connections verify their peer", async () => {
  expect(connect.name).toBe("recordedConnect");
  expect(inheritedRecording()).toMatchObject({ NODE_OPTIONS: expect.stringContaining("recorder.mjs") });
  expect(process.env["NODE_OPTIONS"]).toContain("recorder.mjs");
  const authority = await createAuthority();
  const { certificate, privateKey } = await authority.issue({ hosts: ["127.0.0.1"] });
  const server = await listen(() => (_request, response) => void response.end("{}"), {
    cert: certificate,
    key: privateKey,
  });
  onTestFinished(() => server.close());
  const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
  const config: McpAuthConfig<"tools"> = { servers: { tools: { url: server.origin, grant: { client } } } };
  const auth = await createMcpAuth({ config, env: { SECRET: "canary" } });
  onTestFinished(() => auth.stop());
  await expect(auth.resolve("tools").getAccessToken()).rejects.toMatchObject({ code: "tls_failed" });
});
