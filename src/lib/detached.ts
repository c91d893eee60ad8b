// What a caller keeps in an `AsyncLocalStorage`, such as its trace or its user, follows everything that it starts. Work
// that is done for everybody must not carry the context of the first caller: a renewal an hour later would be part of
// that caller's trace, and keep its data in memory. This resource belongs to the time when the program loaded the
// package.
const { AsyncResource } = process.getBuiltinModule("node:async_hooks");
const atLoad = new AsyncResource("mcp-auth-runtime");

/** Runs work outside of the asynchronous context of the caller. */
export function detached<T>(work: () => T): T {
  return atLoad.runInAsyncScope(work);
}
