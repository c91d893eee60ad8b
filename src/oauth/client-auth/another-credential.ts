import { errorMark } from "../../errors/error-mark.js";

const anotherCredential = errorMark();

/**
 * Marks the rejection of a credential after which there is another one to try: the value read again differs from the
 * rejected one, or the key is so young that the server may still know only the previous one.
 */
export const markAnotherCredential = anotherCredential.mark;

/** Returns whether the same request, made again, presents another credential than the rejected one. */
export const hasAnotherCredential = anotherCredential.has;
