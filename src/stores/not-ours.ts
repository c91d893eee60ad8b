/** Something else is in the place of something of ours. The message is part of a sentence, and shown. */
export class NotOurs extends Error {}
