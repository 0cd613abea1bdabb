import 'reflect-metadata';
import { type Cache, createCache } from '@ent/cache';
import { memory } from '@ent/cache/memory';
import { Controller, Get, Inject, Module, Param } from '@nestjs/common';

class Users {
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  broken(): never {
    throw new Error('what nobody outside is to read');
  }
  find(id: string): Promise<{ id: string }> {
    return this.#cache.getOrSet(`user:${id}`, () => ({ id }));
  }
}

// `@Get()` before a method, for a compiler that knows decorators; node, which only takes types away, does not.
const method = (name: keyof Users) => [Users.prototype, name, descriptor(name)] as const;
const descriptor = (name: keyof Users) => Object.getOwnPropertyDescriptor(Users.prototype, name) as PropertyDescriptor;
Get('broken')(...method('broken'));
Get(':id')(...method('find'));
Param('id')(Users.prototype, 'find', 0);
Controller('users')(Users);

// A part of the application is a value: made once, given to who asks for it by its name, closed by its module.
const CACHE = Symbol('cache');
Inject(CACHE)(Users, undefined, 0);

export class AppModule {
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  onApplicationShutdown(): Promise<void> {
    return this.#cache.close();
  }
}
Inject(CACHE)(AppModule, undefined, 0);
const useFactory = (): Cache => createCache({ driver: memory(), ttl: '5m' });
Module({ controllers: [Users], providers: [{ provide: CACHE, useFactory }] })(AppModule);
