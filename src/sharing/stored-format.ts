/** Version of the format of stored access and refresh tokens. An entry with another version is not interpreted. */
export const formatVersion = 1;
