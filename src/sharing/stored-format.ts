/** Of what access and refresh tokens are stored as. What another version of the package writes may mean anything. */
export const formatVersion = 1;
