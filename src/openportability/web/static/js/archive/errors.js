// What stops a reading. The codes are the server's, and so are the words for them.

export class Invalid extends Error {
  /**
   * @param {string} code
   * @param {Record<string, string | number>} [detail] values that the words need
   */
  constructor(code, detail = {}) {
    super(code);
    this.code = code;
    this.detail = detail;
  }
}

/** The directory of a zip does not describe it; its local headers may. */
export class Broken extends Error {}
