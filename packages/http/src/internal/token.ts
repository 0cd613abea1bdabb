/** A token (RFC 9110, section 5.6.2): names of headers and of cookies, protocols. */
export const TOKEN = /^[\w!#$%&'*+\-.^`|~]+$/;
