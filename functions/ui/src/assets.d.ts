declare module "*.css";

/** Files that come along as they are: the import gives their address. */
declare module "*?url" {
  const address: string;
  export default address;
}
