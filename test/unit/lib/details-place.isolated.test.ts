import { expect, test } from "vitest";
import { detailsHave, markDetailsPrinted, whereDetailsAre } from "../../../src/lib/details-place.js";

test("a message says where the details of an error are, and in a command that they are printed below it", () => {
  expect(whereDetailsAre("crm")).toBe(
    " `npx mcp-auth-runtime token crm --force-refresh` prints the server's explanation, which is also in the error's " +
      "`details`.",
  );
  expect(whereDetailsAre("crm", true)).toBe(" The server's explanation is in the error's `details`.");
  expect(detailsHave("the target")).toBe("The error's `details` has the target.");
  markDetailsPrinted();
  expect(whereDetailsAre("crm")).toBe("");
  expect(detailsHave("the target")).toBe("The target is printed below.");
});
