// Each fault is named, no healthy server is blamed, and docs/causes.md says so.
import { expect, test } from "vitest";
import { findingsIn } from "../../../src/errors/findings.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { faults } from "../faulty-servers.js";
import { withFault } from "../run-fault.js";
import { configFaults } from "./config-faults.js";
import { discoveryFaults } from "./discovery-faults.js";
import { healthyServers } from "./healthy.js";
import { type CommandRow, renderPage, type TokenRow } from "./page.js";
import { runScenario } from "./scenario.js";

const commandFaults = [...discoveryFaults, ...configFaults];

/** Returns the findings in the error of each fault. */
async function tokenRows(): Promise<readonly TokenRow[]> {
  return await Promise.all(
    faults.map(async (fault) => {
      const { title, id, words } = fault;
      const answers = [words, 401, 400] as const;
      const [explained = [], bare401 = [], bare400 = []] = await Promise.all(
        answers.map(async (answer) => {
          const manager = await withFault(fault, answer);
          return findingsIn(await rejectionOf(manager.getAccessToken()));
        }),
      );
      return { title, id, explained, bare401, bare400 };
    }),
  );
}

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
      return { words, command: argv.join(" "), named };
    }),
  );
}

test("docs/causes.md has what each message names, and no message names the cause of another fault first", async () => {
  const rows = await tokenRows();
  for (const { title, id, explained } of rows) expect(explained[0], title).toBe(id);
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
  },
);
