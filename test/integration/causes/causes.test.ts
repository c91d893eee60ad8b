// Each fault is named, no healthy server is blamed, and docs/causes.md says so.
import { expect, test } from "vitest";
import { configFaults } from "./config-faults.js";
import { discoveryFaults } from "./discovery-faults.js";
import { doctorCell, expectNothingBlamed, tokenRows } from "./doctor-rows.js";
import { healthyServers } from "./healthy.js";
import { type CommandRow, renderPage } from "./page.js";
import { runScenario } from "./scenario.js";

const commandFaults = [...discoveryFaults, ...configFaults];

/** Runs the command of each fault, which names this fault and no other. */
async function commandRows(): Promise<readonly CommandRow[]> {
  return await Promise.all(
    commandFaults.map(async (fault) => {
      const { words, named, also = [], argv = ["token", "crm"] } = fault;
      const { out, err } = await runScenario(fault);
      const printed = `${out}${err}`;
      expect(printed, words).toContain(named);
      const others = commandFaults.map((other) => other.named).filter((other) => printed.includes(other));
      expect([...new Set(others)].toSorted(), words).toEqual([named, ...also].toSorted());
      return { words, command: argv.join(" "), named, doctor: await doctorCell(fault) };
    }),
  );
}

test("docs/causes.md has what each message names, and no message names the cause of another fault first", async () => {
  const rows = await tokenRows();
  for (const { title, id, explained } of rows) expect(explained.findings[0], title).toBe(id);
  const page = renderPage({
    tokenRows: rows,
    commandRows: await commandRows(),
    healthy: healthyServers.map(({ words }) => words),
  });
  await expect(page).toMatchFileSnapshot("../../../docs/causes.md");
});

test.each(healthyServers.map((server) => [server.words, server] as const))(
  "no command blames a healthy server: %s",
  async (_, server) => {
    for (const argv of [
      ["validate", "--secrets"],
      ["token", "crm"],
    ]) {
      const { code, err } = await runScenario({ ...server, argv });
      expect({ argv, code, err }).toEqual({ argv, code: 0, err: "" });
    }
    await expectNothingBlamed(server);
  },
);
