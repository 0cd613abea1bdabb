/** The fields by which one row is known from all others: two tenants may have the same id. */
export function identityOf(entity: {
  readonly id: readonly string[];
  readonly tenant?: string | undefined;
}): readonly string[] {
  return keyOfTenant(entity.tenant, entity.id);
}

/** A key with the tenant in it, at its beginning if it is not there yet. */
export function keyOfTenant(tenant: string | undefined, key: readonly string[]): readonly string[] {
  return tenant === undefined || key.includes(tenant) ? key : [tenant, ...key];
}
