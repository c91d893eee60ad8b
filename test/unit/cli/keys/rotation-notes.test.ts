import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { recentReplacements, rotationSteps } from "../../../../src/cli/keys/rotation-notes.js";
import { temporaryFolder } from "../../../support/temporary-folder.js";

const minute = 60_000;

describe("the notes about a rotation", () => {
  test("a key whose file was replaced is new for ten minutes and the lifetime of an assertion", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, "agent.pem");
    await writeFile(join(folder, "next.pem"), "");
    const before = Date.now();
    await rename(join(folder, "next.pem"), file);
    const key = { spec: { privateKey: { file } }, label: 'Key "agent"', lifetime: 5 * minute };
    const [warning, ...others] = await recentReplacements([key], folder, before + 14 * minute);
    expect(warning).toMatch(
      /^Key "agent": agent\.pem is new\. If it replaced a key, keep that one published too until \S+ \S+ UTC, /,
    );
    expect(others).toEqual([]);
    expect(await recentReplacements([key], folder, Date.now() + 16 * minute)).toEqual([]);
  });

  test("a key that is not in a file of its own is replaced where the config refers to", () => {
    const steps = rotationSteps({
      key: { spec: { privateKey: { env: "AGENT_KEY" } }, label: 'Key "agent"', lifetime: minute },
      command: "keys jwks agent",
      next: "/app/secrets/agent next.pem",
      currentJwk: undefined,
      nextJwk: undefined,
      cwd: "/app",
      now: Date.UTC(2026, 10, 30, 12, 0, 1),
    });
    expect(steps).toContain(
      "2. Not before 2026-12-01 12:01 UTC, if you publish it now: replace the key that the config refers to by " +
        "'secrets/agent next.pem'",
    );
    expect(steps.join("\n")).toContain("have used the next key (see their status) for 11 minutes:");
  });
});
