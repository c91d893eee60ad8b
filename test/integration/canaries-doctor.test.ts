// `doctor` shows no secret and no token, and text of servers only on the lines that are marked as theirs.
import { expect, test } from "vitest";
import { Canaries } from "../support/canaries.js";
import { servedFailures } from "./canaries-failures.js";
import { startStage } from "./canaries-stage.js";
import { runDoctor } from "./doctor.js";

/** The beginnings of lines with text of servers. */
const ofServers = /^ {6}(?:(?:the [\w ]+|a server) says [\w-]+|sent to|the token was requested for): /;

test("doctor shows no credential, and text of servers only as their words, whatever the servers answer", async () => {
  const canaries = new Canaries();
  await using stage = await startStage(canaries);
  const secret = canaries.fresh("client secret");
  // A timeout takes as long as it says.
  const failures = servedFailures(canaries, stage).filter(({ code }) => code !== "timeout");
  const servers = failures.map(({ script, server }, index) => {
    const name = `case-${index}`;
    stage.script(name, script ?? { resource: (response) => stage.say.html(response, 404) });
    const client = { issuer: stage.issuer(name), id: "agent", secret: { env: "SECRET" } };
    return [name, { url: stage.mcp(name), grant: { client }, ...server }] as const;
  });
  const config = {
    defaults: { retry: { attempts: 1 }, timeout: "1m", deadline: "4m" },
    servers: Object.fromEntries(servers),
  };
  const env = { SECRET: secret };
  const text = await runDoctor({ config, env });
  const [quoted, own] = [[] as string[], [] as string[]];
  for (const line of text.out.split("\n")) (ofServers.test(line) ? quoted : own).push(line);
  expect(quoted.length).toBeGreaterThan(5);
  expect(canaries.find(own.join("\n"))).toEqual([]);
  expect(canaries.find(text.err)).toEqual([]);
  // Line by line, because a search ends after a few matches.
  const secretsIn = (lines: readonly string[]) =>
    lines.flatMap((line) => canaries.find(line)).filter(({ label }) => !label.startsWith("text of a "));
  expect(secretsIn(quoted)).toEqual([]);

  const json = await runDoctor({ config, env }, ["--json"]);
  const withoutDetails = JSON.stringify(
    JSON.parse(json.out, (name, value: unknown) => (name === "details" ? undefined : value)),
  );
  expect(canaries.find(withoutDetails)).toEqual([]);
  expect(secretsIn(json.out.split("\n"))).toEqual([]);
});
