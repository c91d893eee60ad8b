import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inheritedRecording } from "../support/tls-recorder/records.js";

const program = fileURLToPath(new URL("../../examples/demo/run.mjs", import.meta.url));

interface Demo {
  readonly process: ChildProcessWithoutNullStreams;
  /** Resolves once the output matches this pattern. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  readonly output: () => { readonly stdout: string; readonly stderr: string };
  /** The exit code or the signal. */
  readonly ended: Promise<number | string>;
}

function startDemo(temporary: string): Demo {
  const { PATH } = process.env;
  const env = { PATH, TMPDIR: temporary, TEMP: temporary, ...inheritedRecording() };
  const child = spawn(process.execPath, [program], { env });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
    child.emit("printed");
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  const ended = once(child, "close").then(([code, signal]: (number | string)[]) => code ?? signal ?? "");
  return {
    process: child,
    output: () => output,
    ended,
    async printed(pattern) {
      for (;;) {
        const match = pattern.exec(output.stdout);
        if (match) return match;
        const end = await Promise.race([once(child, "printed").then(() => undefined), ended]);
        if (end !== undefined)
          throw new Error(`The demo ended (${end}).\n${output.stdout}\n${output.stderr}`);
      }
    },
  };
}

describe("the demo", () => {
  let temporary: string;
  let demo: Demo;
  beforeEach(async () => {
    temporary = await mkdtemp(join(tmpdir(), "demo-test-"));
    demo = startDemo(temporary);
  });
  afterEach(async () => {
    demo.process.kill("SIGKILL");
    await demo.ended;
    await rm(temporary, { recursive: true });
  });

  test("the demo runs to its summary without a failed call, and renews tokens by expiry and by schedule", async () => {
    const code = await demo.ended;
    const { stdout, stderr } = demo.output();
    expect(stderr).toBe("");
    // Without colors, because stdout is not a terminal.
    expect(stdout).toBe(stripVTControlCharacters(stdout).replaceAll("\r", ""));
    const row = (name: string): string => new RegExp(`^  ${name} {2,}(.*)$`, "m").exec(stdout)?.[1] ?? stdout;
    expect(Number.parseInt(row("calls"), 10)).toBeGreaterThan(2);
    expect(row("failures")).toBe("0");
    for (const server of ["crm", "billing"]) {
      const made = (agent: string) =>
        Number(new RegExp(`${agent} [^;]*\\b${server} (\\d+)`).exec(row("calls"))?.[1]);
      expect([server, made("host") > 1, made("code") > 1]).toEqual([server, true, true]);
    }
    const reasons = new Map(
      [
        ...row("  to the code")
          .replace(/^.*by reason: /, "")
          .matchAll(/(\w+) (\d+)/g),
      ].map(([, name, n]) => [name, Number(n)]),
    );
    // The exact number depends on the load of the machine: a token may expire on the way to a server.
    expect(reasons.get("demand")).toBeGreaterThanOrEqual(2);
    expect(Number.parseInt(row("awaited tokens"), 10)).toBe(reasons.get("demand"));
    expect(Number.parseInt(row("refused \\(401\\)"), 10)).toBeGreaterThanOrEqual(
      reasons.get("rejected") ?? 0,
    );
    const [issued, toHost, toCode] = ["tokens issued", "  to the host", "  to the code"].map((name) =>
      Number.parseInt(row(name), 10),
    );
    expect(toCode).toBe([...reasons.values()].reduce((sum, n) => sum + n, 0));
    expect(issued).toBe(Number(toHost) + Number(toCode));
    // At least two tokens for each of two servers: a token lives eight seconds, and the demo runs fifteen.
    expect(toHost).toBeGreaterThanOrEqual(4);
    // Both servers answered a host that knows only their URLs.
    const plainHost = /^A host that knows only URLs: node --import (\S+) .*\n((?: {2}.*\n)+)/m.exec(stdout);
    expect(plainHost?.[1]).toBe("mcp-auth-runtime/register");
    expect(plainHost?.[2]).toMatch(/ find_customer .*Northlight Optics/);
    expect(plainHost?.[2]).toMatch(/ invoice_total .*500/);
    expect(stdout).toMatch(/ crm +new token by expiry /);
    expect(stdout).toMatch(/ billing +new token by schedule /);
    expect(code).toBe(0);
    expect(await readdir(temporary)).toEqual([]);
  });

  test("the demo ends immediately on SIGINT and leaves no processes or files behind", async () => {
    const [, issuer = ""] = await demo.printed(/issuer +(http:\S+)/);
    await demo.printed(/^Calls/m);
    demo.process.kill("SIGINT");
    expect(await demo.ended).toBe(130);
    expect(demo.output().stderr).toBe("");
    await expect(fetch(`${issuer}/jwks`)).rejects.toThrow("fetch failed");
    expect(await readdir(temporary)).toEqual([]);
  });

  // The host inherits stderr, so `ended` waits for the host, too.
  test("the servers and the host of the demo end when the demo is killed", async () => {
    const [, issuer = ""] = await demo.printed(/issuer +(http:\S+)/);
    await demo.printed(/^Code that uses/m);
    expect((await fetch(`${issuer}/jwks`)).status).toBe(200);
    demo.process.kill("SIGKILL");
    expect(await demo.ended).toBe("SIGKILL");
    // The servers answer until they notice that the demo has ended.
    const gone = async (): Promise<true> => fetch(`${issuer}/jwks`).then(gone, () => true);
    expect(await gone()).toBe(true);
  });
});
