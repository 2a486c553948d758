// The thread that takes signals is the page's: it has the memory that Python looks at.
export class Worker {
  constructor(_, { workerData }) {
    postMessage(workerData);
  }
  unref() {}
}
