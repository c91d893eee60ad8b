/** The name under which the token is kept in this tab, for this origin and port. */
const key = "mcp-auth-operating-token";

/**
 * Returns the token from the fragment of the address, which no server gets, and removes it from the address. Without
 * one, returns the token that this tab has kept.
 */
export function takeToken(): string | undefined {
  const fragment = location.hash.slice(1);
  if (fragment === "") return kept();
  history.replaceState(null, "", location.pathname);
  return keepToken(fragment);
}

/** Keeps a token, or that of a pasted address, for reloads of this tab. Returns it, `undefined` if there is none. */
export function keepToken(text: string): string | undefined {
  const token = text.slice(text.lastIndexOf("#") + 1).trim();
  if (!/^[\w.~-]+$/.test(token)) return undefined;
  try {
    sessionStorage.setItem(key, token);
  } catch {
    // A browser that keeps nothing. The token then lasts until the page is closed.
  }
  return token;
}

export function forgetToken(): void {
  try {
    sessionStorage.removeItem(key);
  } catch {
    // There is nothing to forget.
  }
}

function kept(): string | undefined {
  try {
    return sessionStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}
