// TypeScript programs that run with tsx.
import assert from "node:assert/strict";
import { createProject, newNode, printed, registerFlag, run } from "../project.mjs";

const agent = `
  enum Answer { Status = "status" }
  const call = async (): Promise<number> => {
    const response: Response = await fetch(process.env["MCP_URL"] ?? "");
    await response.text();
    return response.status;
  };
  const first = await call();
  await (await fetch(process.env["CONTROL_URL"] + "/revoke")).text();
  console.log(JSON.stringify({ [Answer.Status]: [first, await call()] }));
`;
const tsx = ["--import", "tsx"];
const nodes = [
  [`Node ${process.version}`, process.execPath],
  ["Node 26", newNode],
];
const commands = [
  ["before ours", [...tsx, ...registerFlag], {}],
  ["after ours", [...registerFlag, ...tsx], {}],
  [
    "by its own command, with our flag in NODE_OPTIONS",
    ["node_modules/tsx/dist/cli.mjs"],
    { NODE_OPTIONS: registerFlag.join(" ") },
  ],
];

export const cases = nodes.flatMap(([name, command]) =>
  commands.map(([how, flags, more]) => [
    `a program is authorized if tsx is loaded ${how}, on ${name}`,
    async ({ world, onEnd }) => {
      const project = await createProject(world.config, {
        "agent.ts": agent,
        "package.json": '{ "type": "module" }',
      });
      onEnd(project.remove);
      const ended = await run(project, {
        command,
        args: [...flags, "agent.ts"],
        env: { ...world.env, ...more },
      });
      assert.deepEqual([printed(ended), ended.stderr], [{ status: [405, 405] }, ""]);
      assert.deepEqual(
        world.calls().map(({ status, hasToken }) => [status, hasToken]),
        [
          [405, true],
          [401, true],
          [405, true],
        ],
      );
      assert.equal(world.issuer.tokensIssued, 2);
    },
  ]),
);
