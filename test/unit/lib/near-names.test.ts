import { expect, it } from "vitest";
import { nearNames } from "../../../src/lib/near-names.js";

it.each([
  ["biling", ["crm", "billing"], ["billing"]],
  ["private_key", ["privateKey", "passphrase"], ["privateKey"]],
  ["CRM", ["crm"], ["crm"]],
  ["zebra", ["crm", "billing"], []],
  ["ab", ["cd", "xy"], []],
  ["crm", ["crm"], []],
  ["crm", ["crm-agents", "crm2"], ["crm2"]],
  ["server-1", ["server-2", "server-3", "server-4", "server-5"], ["server-2", "server-3", "server-4"]],
  ["billin", ["billings", "billing"], ["billing", "billings"]],
])("nearNames returns, for %s among %j, the names %j", (name, candidates, expected) => {
  expect(nearNames(name, candidates)).toEqual(expected);
});

it("nearNames returns no names for a text of ten thousand characters", () => {
  expect(nearNames("x".repeat(10_000), ["x"])).toEqual([]);
});
