// A host that speaks plain HTTP, with the standard library of Go: go run client.go URL
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
)

type message struct {
	Result struct {
		ServerInfo struct{ Name string }
		Tools      []struct{ Name string }
		Content    []struct{ Text string }
	}
	Error struct {
		Data struct{ Code string }
	}
}

// ask sends a message. Without an id it is a notification, and only its status is returned.
func ask(url, method string, params any, id any) (message, int) {
	sent := map[string]any{"jsonrpc": "2.0", "method": method, "params": params}
	if id != nil {
		sent["id"] = id
	}
	body, err := json.Marshal(sent)
	check(err)
	request, err := http.NewRequest("POST", url, bytes.NewReader(body))
	check(err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("MCP-Protocol-Version", "2025-06-18")
	response, err := http.DefaultClient.Do(request)
	check(err)
	defer response.Body.Close()
	var answer message
	if id == nil {
		_, err = io.Copy(io.Discard, response.Body)
		check(err)
		return answer, response.StatusCode
	}
	text := lastMessage(response)
	check(json.Unmarshal([]byte(text), &answer))
	return answer, response.StatusCode
}

// lastMessage returns the text of a body: JSON, or the data of the last event of a stream.
func lastMessage(response *http.Response) string {
	if !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		text, err := io.ReadAll(response.Body)
		check(err)
		return string(text)
	}
	last := ""
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if data := strings.TrimPrefix(lines.Text(), "data:"); data != lines.Text() && strings.TrimSpace(data) != "" {
			last = data
		}
	}
	return last
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	url := os.Args[1]
	client := map[string]any{"name": "go", "version": "1.0.0"}
	initialized, _ := ask(url, "initialize", map[string]any{
		"protocolVersion": "2025-06-18", "capabilities": map[string]any{}, "clientInfo": client,
	}, 1)
	_, accepted := ask(url, "notifications/initialized", map[string]any{}, nil)
	listed, _ := ask(url, "tools/list", map[string]any{}, 2)
	tools := []string{}
	for _, tool := range listed.Result.Tools {
		tools = append(tools, tool.Name)
	}
	texts := []string{}
	for number := 3; number <= 4; number++ {
		arguments := map[string]any{"text": fmt.Sprintf("naïve call %d", number)}
		called, _ := ask(url, "tools/call", map[string]any{"name": "echo", "arguments": arguments}, number)
		texts = append(texts, called.Result.Content[0].Text)
	}
	_, unknown := ask(url+"-unknown", "notifications/initialized", map[string]any{}, nil)
	failed, _ := ask(url+"-unknown", "tools/list", map[string]any{}, "five")
	found := map[string]any{
		"server": initialized.Result.ServerInfo.Name, "accepted": accepted, "tools": tools, "texts": texts,
		"unknown": unknown, "error": failed.Error.Data.Code,
	}
	check(json.NewEncoder(os.Stdout).Encode(found))
}
