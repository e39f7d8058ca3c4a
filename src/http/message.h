#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

// What requests (http/request.h) and replies (http/reply.h) have in common for those who read them.
// Pure.

#define HTTP_LINE_MAX    8192  // the first line
#define HTTP_HEADERS_MAX 100   // header lines
#define HTTP_HEAD_MAX    16384 // all header lines together

enum http_progress {
  HTTP_MORE,     // feed more
  HTTP_CONTINUE, // the head is whole and the client waits for a 100 Continue: send one, feed more
  HTTP_COMPLETE, // head and body, if there is one, are whole
  HTTP_BAD,      // the message is malformed or too large: its failure says why
};

// What is wrong with a message. `status`: what a request is answered with, 0 for none. `text`: one
// line, static, e.g. "two Host headers".
struct http_failure {
  int status;
  const char *text;
};

#endif
