/** Ten years, in seconds: what is beyond is a mistake, and would overflow what counts in milliseconds. */
export const longestLifetime = 315_360_000;
