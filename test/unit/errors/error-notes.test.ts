import { expect, test } from "vitest";
import { McpAuthError } from "../../../src/errors/error.js";
import { errorMark, errorNotes } from "../../../src/errors/error-notes.js";

test("a mark belongs to one error and one kind of mark, and does not show on the error", () => {
  const [first, second] = [errorMark(), errorMark()];
  const error = new McpAuthError("unavailable", "It is down.");
  const before = JSON.stringify(error);
  expect(first.mark(error)).toBe(error);
  expect([first.has(error), second.has(error)]).toEqual([true, false]);
  expect(first.has(new McpAuthError("unavailable", "It is down."))).toBe(false);
  expect(first.has("It is down.")).toBe(false);
  expect(JSON.stringify(error)).toBe(before);
  expect(Reflect.ownKeys(error)).toEqual(Reflect.ownKeys(new McpAuthError("unavailable", "It is down.")));
});

test("a note is returned for the error that it was added to, and for no other value", () => {
  const notes = errorNotes<number>();
  const error = notes.add(new McpAuthError("unavailable", "It is down."), 7);
  expect(notes.of(error)).toBe(7);
  expect(notes.of(new Error("It is down."))).toBeUndefined();
});
