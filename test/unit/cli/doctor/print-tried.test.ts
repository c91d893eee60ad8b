import { expect, test } from "vitest";
import { printTried } from "../../../../src/cli/doctor/print-tried.js";
import { createPrinter } from "../../../../src/cli/print.js";

function printed(value: false | string): string {
  let text = "";
  const print = createPrinter({
    ...{ err: () => {}, color: false },
    out(line) {
      text += line;
    },
  });
  const pointer = `/servers/crm/${value === false ? "resourceMetadata" : "method"}`;
  printTried(
    { tried: [], works: { pointer, value, file: "/a/b.json", line: 3, replaces: false } },
    print,
    "/a",
  );
  return text;
}

test("a change that ends a comparison with the server's metadata is printed with a warning", () => {
  expect(printed(false)).toContain(
    'This works: add at /servers/crm (b.json:3):\n  "resourceMetadata": false\n' +
      "What the server publishes is then no longer compared with the config",
  );
  expect(printed("client_secret_post")).not.toContain("no longer compared");
});
