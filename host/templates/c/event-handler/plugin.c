// An event handler for tidegate: each event becomes a line of JSON in the log.
//
// Every call has a fresh instance, so that nothing has to be freed here.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/event_handler.h"

typedef exports_tidegate_event_handler_handler_event_t event_t;

// A text that grows.
typedef struct {
  char *text;
  size_t length, room;
} text_t;

static void put(text_t *text, const char *bytes, size_t length) {
  if (text->length + length > text->room) {
    text->room = 2 * (text->length + length);
    text->text = realloc(text->text, text->room);
    if (!text->text) abort();
  }
  memcpy(text->text + text->length, bytes, length);
  text->length += length;
}

static void put_text(text_t *text, const char *other) { put(text, other, strlen(other)); }

static void put_number(text_t *text, int64_t number) {
  char digits[24];
  put(text, digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)number));
}

// As JSON has it: in quotes, with control characters, quotes and backslashes escaped.
static void put_string(text_t *text, event_handler_string_t string) {
  static const char *const letters = "\"\\\b\f\n\r\t", *const codes = "\"\\bfnrt";
  put_text(text, "\"");
  for (size_t i = 0; i < string.len; i++) {
    char byte = (char)string.ptr[i], escape[8];
    const char *found = byte ? strchr(letters, byte) : NULL;
    if (found) {
      put(text, (char[]){'\\', codes[found - letters]}, 2);
    } else if ((unsigned char)byte < 0x20) {
      put(text, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", byte));
    } else {
      put(text, &byte, 1);
    }
  }
  put_text(text, "\"");
}

// One event as JSON, in one line.
static text_t line(const event_t *event) {
  text_t text = {0};
  bool is_warning = event->severity == EXPORTS_TIDEGATE_EVENT_HANDLER_HANDLER_SEVERITY_WARNING;
  put_text(&text, "{\"at\":");
  put_number(&text, event->at);
  put_text(&text, ",\"cluster\":");
  put_string(&text, event->cluster);
  put_text(&text, ",\"count\":");
  put_number(&text, event->count);
  put_text(&text, ",\"job\":");
  put_string(&text, event->job_name);
  put_text(&text, ",\"message\":");
  put_string(&text, event->message);
  put_text(&text, ",\"reason\":");
  put_string(&text, event->reason);
  put_text(&text, is_warning ? ",\"severity\":\"warning\"}" : ",\"severity\":\"normal\"}");
  return text;
}

bool exports_tidegate_event_handler_handler_handle(exports_tidegate_event_handler_handler_list_event_t *events,
                                                   event_handler_string_t *err) {
  // Before it is put in service, it is handed no events: wrong options keep it out.
  event_handler_list_string_t names;
  tidegate_host_options_names(&names);
  if (names.len > 0) {
    event_handler_string_dup(err, "this handler has no options: remove them");
    return false;
  }
  for (size_t i = 0; i < events->len; i++) {
    const event_t *event = &events->ptr[i];
    bool is_warning = event->severity == EXPORTS_TIDEGATE_EVENT_HANDLER_HANDLER_SEVERITY_WARNING;
    text_t text = line(event);
    event_handler_string_t said = {.ptr = (uint8_t *)text.text, .len = text.length};
    tidegate_host_log_write(is_warning ? TIDEGATE_HOST_LOG_LEVEL_WARN : TIDEGATE_HOST_LOG_LEVEL_INFO, &said);
  }
  return true;
}
