import 'reflect-metadata';
import { Controller, Get, Module, Param } from '@nestjs/common';

class Users {
  broken(): never {
    throw new Error('what nobody outside is to read');
  }
  find(id: string): { id: string } {
    return { id };
  }
}

// `@Get()` before a method, for a compiler that knows decorators; node, which only takes types away, does not.
const method = (name: keyof Users) => [Users.prototype, name, descriptor(name)] as const;
const descriptor = (name: keyof Users) => Object.getOwnPropertyDescriptor(Users.prototype, name) as PropertyDescriptor;
Get('broken')(...method('broken'));
Get(':id')(...method('find'));
Param('id')(Users.prototype, 'find', 0);
Controller('users')(Users);

export class AppModule {}
Module({ controllers: [Users] })(AppModule);
