/** Findings that leave no other cause. */
const decided = /^(?:clock_differs|entra_.*|.*_redirects|configured_endpoint|published_endpoint)$/;

/** Returns whether a server said no more than that a request is rejected, so that anything in it may be wrong. */
export function isOpenRejection(oauthError: string | undefined, ids: readonly string[]): boolean {
  if (ids.some((id) => decided.test(id))) return false;
  return ids.includes("parameters") || (oauthError === undefined && ids.length > 1);
}
