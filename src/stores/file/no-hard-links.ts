/** What link() says where the file system has no hard links (exFAT, some network mounts), or no more of one file. */
export const NO_HARD_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);
